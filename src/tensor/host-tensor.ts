/** Element types of tensors. `bool` exists only inside graphs, never at their borders. */
export type DType = "float32" | "int32" | "bool";

/** Sizes of the axes, outermost first. `[]` is a scalar. */
export type Shape = readonly number[];

/** A tensor in the memory of the host, row-major. */
export interface HostTensor {
  readonly dtype: "float32" | "int32";
  readonly shape: Shape;
  readonly data: Float32Array | Int32Array;
}

/** A float tensor in the memory of the host: weights, states, gradients. */
export interface FloatTensor extends HostTensor {
  readonly dtype: "float32";
  readonly data: Float32Array;
}

export interface IntTensor extends HostTensor {
  readonly dtype: "int32";
  readonly data: Int32Array;
}

/** Number of elements of a tensor of this shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((size, axis) => size * axis, 1);
}

/** Bytes a host tensor of this shape takes; every element type at the border of a graph has four. */
export function bytesOf(shape: Shape): number {
  return 4 * sizeOf(shape);
}

/** A float tensor over `data`, which is not copied. Throws `RangeError` when the sizes differ. */
export function floatTensor(shape: Shape, data: Float32Array): FloatTensor {
  checkSize(shape, data.length);
  return { dtype: "float32", shape, data };
}

/** An int tensor over `data`, which is not copied. Throws `RangeError` when the sizes differ. */
export function intTensor(shape: Shape, data: Int32Array): IntTensor {
  checkSize(shape, data.length);
  return { dtype: "int32", shape, data };
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
  return dtype === "int32" ? intTensor(shape, new Int32Array(sizeOf(shape))) : zeros(shape);
}

/** The same numbers in memory of their own. */
export function copyOf(tensor: HostTensor): HostTensor {
  return { ...tensor, data: tensor.data.slice() };
}

// --- internal ---

function checkSize(shape: Shape, length: number): void {
  if (sizeOf(shape) !== length) {
    throw new RangeError(`shape [${shape.join(", ")}] has ${sizeOf(shape)} elements, the data ${length}`);
  }
}
