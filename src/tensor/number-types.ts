import { floatTensor, hostTensor, type FloatTensor, type HostDType, type HostTensor } from "./host-tensor.ts";

/*
 * The 16-bit number types, as bits. float16 is IEEE 754 binary16: 5 bits of exponent, 10 of fraction. bfloat16 is the
 * upper half of a float32: 8 and 7. Both convert to float32 exactly; the other way rounds to the nearest, ties to even.
 */

/** Floating-point types. */
export type FloatDType = "float32" | "float16" | "bfloat16";

export function isFloat(dtype: HostDType): dtype is FloatDType {
  return dtype === "float32" || dtype === "float16" || dtype === "bfloat16";
}

/**
 * The numbers of a tensor as float32: exact, except for whole numbers beyond 2^24. The same tensor if it is float32
 * already.
 */
export function toFloat32(tensor: HostTensor): FloatTensor {
  const { dtype, shape, data } = tensor;
  if (dtype === "float32") return tensor as FloatTensor;
  if (dtype === "float16") return floatTensor(shape, floatsOfHalves(data));
  if (dtype === "bfloat16") return floatTensor(shape, floatsOfUpperHalves(data));
  return floatTensor(shape, Float32Array.from(data));
}

/** The nearest numbers of another type, ties to even. Beyond its range they are infinite. */
export function fromFloat32<D extends FloatDType>(tensor: FloatTensor, dtype: D): HostTensor<D>;
export function fromFloat32(tensor: FloatTensor, dtype: FloatDType): HostTensor {
  if (dtype === "float32") return tensor;
  const bits = bitsOf(tensor.data);
  const round = dtype === "float16" ? halfOf : upperHalfOf;
  const rounded = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) rounded[i] = round(bits[i] ?? 0);
  return hostTensor(dtype, tensor.shape, rounded);
}

/** The index of the first element that is infinite or not a number; -1 if there is none. */
export function firstNonFinite({ dtype, data }: HostTensor): number {
  if (!isFloat(dtype)) return -1;
  const exponent = EXPONENT_BITS[dtype]; // all ones where a number is not finite
  const bits = data instanceof Float32Array ? bitsOf(data) : data;
  for (let i = 0; i < bits.length; i++) if (((bits[i] ?? 0) & exponent) === exponent) return i;
  return -1;
}

// --- internal ---

const EXPONENT_BITS: Readonly<Record<FloatDType, number>> = { float32: 0x7f800000, float16: 0x7c00, bfloat16: 0x7f80 };

/** The float32 numbers of all float16: looking one up takes a nanosecond. */
let halves: Float32Array | undefined;

function floatsOfHalves(data: ArrayLike<number>): Float32Array {
  const table = (halves ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => valueOfHalf(bits)));
  const floats = new Float32Array(data.length);
  for (let i = 0; i < floats.length; i++) floats[i] = table[data[i] ?? 0] ?? NaN;
  return floats;
}

/** (-1)^sign 2^(exponent - 15) (1 + fraction / 1024), and without the 1 below 2^-14. */
function valueOfHalf(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction > 0 ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

function floatsOfUpperHalves(data: ArrayLike<number>): Float32Array {
  const bits = new Uint32Array(data.length);
  for (let i = 0; i < bits.length; i++) bits[i] = (data[i] ?? 0) << 16;
  return new Float32Array(bits.buffer);
}

const float = new Float32Array(1);
const floatBits = bitsOf(float);

/** The bits of the float16 nearest to a float32 given by its bits. */
function halfOf(bits: number): number {
  const [sign, magnitude] = [(bits >>> 16) & 0x8000, bits & 0x7fffffff];
  if (magnitude > 0x7f800000) return sign | 0x7e00; // not a number
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65,520 and above is infinite
  if (magnitude >= 0x38800000) return sign | ((roundedAt(magnitude, 13) - 0x38000000) >>> 13); // 2^-14 and above
  // Below, halves are multiples of 2^-24, as are the float32 between 1/2 and 1: adding 1/2 rounds to one.
  floatBits[0] = magnitude;
  float[0] = (float[0] ?? 0) + 0.5;
  return sign | ((floatBits[0] ?? 0) - 0x3f000000);
}

/** The bits of the bfloat16 nearest to a float32 given by its bits. */
function upperHalfOf(bits: number): number {
  const isNumber = (bits & 0x7fffffff) <= 0x7f800000;
  return isNumber ? roundedAt(bits, 16) >>> 16 : (bits >>> 16) | 0x40; // the fraction of what is not a number must not become zero
}

/** Bits whose upper part, without the lowest `count`, is that of the nearest number. */
function roundedAt(bits: number, count: number): number {
  return bits + (2 ** (count - 1) - 1) + ((bits >>> count) & 1);
}

function bitsOf({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}
