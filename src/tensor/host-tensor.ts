/**
 * Element types of tensors. `bool` exists only inside graphs, never as an input or output. The two 16-bit types are for
 * storage and transfer, and are computed in float32 where an engine has no kernel for them.
 */
export type DType = "float32" | "float16" | "bfloat16" | "int32" | "uint8" | "bool";

/** Element types of tensors in the memory of the host. */
export type HostDType = Exclude<DType, "bool">;

/** Sizes of the axes, outermost first. `[]` is a scalar. */
export type Shape = readonly number[];

/** The array type for the elements of each type; the 16-bit types are held as their bits, see number-types.ts. */
export interface TypedArrays {
  readonly float32: Float32Array;
  readonly float16: Uint16Array;
  readonly bfloat16: Uint16Array;
  readonly int32: Int32Array;
  readonly uint8: Uint8Array;
}

/** A tensor in the memory of the host, row-major. */
export interface HostTensor<D extends HostDType = HostDType> {
  readonly dtype: D;
  readonly shape: Shape;
  readonly data: TypedArrays[D];
}

/** A float tensor in the memory of the host: weights, states, gradients. */
export type FloatTensor = HostTensor<"float32">;

export type IntTensor = HostTensor<"int32">;

/** Bytes that an element takes. */
export const ELEMENT_BYTES: Readonly<Record<DType, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int32: 4,
  uint8: 1,
  bool: 1,
};

/** Number of elements of a tensor of this shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((size, axis) => size * axis, 1);
}

/** Bytes that a tensor of this shape and type takes. Default float32. */
export function bytesOf(shape: Shape, dtype: DType = "float32"): number {
  return ELEMENT_BYTES[dtype] * sizeOf(shape);
}

/** A tensor over `data`, which is not copied. Throws `RangeError` when the sizes differ. */
export function hostTensor<D extends HostDType>(dtype: D, shape: Shape, data: TypedArrays[D]): HostTensor<D> {
  checkSize(shape, data.length);
  return { dtype, shape, data };
}

/** A float tensor over `data`, which is not copied. Throws `RangeError` when the sizes differ. */
export function floatTensor(shape: Shape, data: Float32Array): FloatTensor {
  return hostTensor("float32", shape, data);
}

/** An int tensor over `data`, which is not copied. Throws `RangeError` when the sizes differ. */
export function intTensor(shape: Shape, data: Int32Array): IntTensor {
  return hostTensor("int32", shape, data);
}

/** A tensor of this type over memory that begins at a multiple of the element size, which is not copied. */
export function tensorOver<D extends HostDType>(
  dtype: D,
  shape: Shape,
  buffer: ArrayBufferLike,
  byteOffset = 0,
): HostTensor<D> {
  const View = TYPED_ARRAYS[dtype];
  return { dtype, shape, data: new View(buffer, byteOffset, sizeOf(shape)) };
}

/** A float tensor with every element equal to `value`. */
export function filled(shape: Shape, value: number): FloatTensor {
  return floatTensor(shape, new Float32Array(sizeOf(shape)).fill(value));
}

/** A float tensor of zeros. */
export function zeros(shape: Shape): FloatTensor {
  return floatTensor(shape, new Float32Array(sizeOf(shape)));
}

/** Zeros of the type and shape of another tensor. */
export function zerosOf({ dtype, shape }: Pick<HostTensor, "dtype" | "shape">): HostTensor {
  return tensorOver(dtype, shape, new ArrayBuffer(bytesOf(shape, dtype)));
}

/** A copy of the numbers. */
export function copyOf(tensor: HostTensor): HostTensor {
  return { ...tensor, data: tensor.data.slice() };
}

/** The memory of a tensor as bytes. */
export function bytesIn({ data }: HostTensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

// --- internal ---

type Views = {
  readonly [D in HostDType]: new (buffer: ArrayBufferLike, offset: number, length: number) => TypedArrays[D];
};

const TYPED_ARRAYS: Views = {
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int32: Int32Array,
  uint8: Uint8Array,
};

function checkSize(shape: Shape, length: number): void {
  if (sizeOf(shape) !== length) {
    throw new RangeError(`shape [${shape.join(", ")}] has ${sizeOf(shape)} elements, the data ${length}`);
  }
}
