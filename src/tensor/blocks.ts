import { OptionError } from "../base/errors.ts";
import { floatTensor, hostTensor, sizeOf, type FloatTensor, type HostTensor, type Shape } from "./host-tensor.ts";

/*
 * Matrices [out, in] in few bits. Each row is cut into blocks of 32 numbers, which share a scale s and a zero point z: a number is
 * (code - z) s, with a code that is an integer of 4 or 8 bits. The layout is that of ONNX Runtime's MatMulNBits.
 */

/** Numbers that share a scale. */
export const BLOCK_SIZE = 32;

export type CodeBits = 4 | 8;

/** A matrix [out, in] in blocks; in / 32 is n. */
export type Blocks<T> = {
  /** The codes, uint8 [out, n, 4 * bits]: the first of two codes in a byte is in the lower half. */
  readonly blocks: T;
  /** float32 [out, n] */
  readonly scales: T;
  /**
   * uint8 [out, n bits / 8], rounded up and packed as the codes are. Default: half the range, so that codes are around
   * zero.
   */
  readonly zeroPoints?: T;
};

export interface QuantizeOptions {
  readonly bits: CodeBits;
  /**
   * Gives each block a zero point, so that it spends its codes on the numbers between its smallest and its largest.
   * Default false.
   */
  readonly zeroPoints?: boolean;
}

/** The bits of a code, from the shape of the codes. */
export function codeBits(blocks: Shape): CodeBits | undefined {
  const bits = ((blocks.at(-1) ?? 0) * 8) / BLOCK_SIZE;
  return blocks.length === 3 && (bits === 4 || bits === 8) ? bits : undefined;
}

/** Bytes of zero points for a row of `count` blocks. */
export function zeroPointBytes(count: number, bits: CodeBits): number {
  return Math.ceil((count * bits) / 8);
}

/**
 * The nearest codes to a matrix [out, in]. No number changes by more than half the scale of its block, which is the
 * block's largest magnitude over 7 or 127; with zero points, it is the distance from its smallest number to its
 * largest, zero included, over 15 or 255.
 *
 * @throws {OptionError} unless it is a matrix whose rows are whole blocks.
 */
export function quantizeBlocks(
  { shape, data }: FloatTensor,
  { bits, zeroPoints = false }: QuantizeOptions,
): Blocks<HostTensor> {
  const [out = 0, width = 0] = shape;
  if (shape.length !== 2 || width % BLOCK_SIZE !== 0)
    throw new OptionError(`[${shape.join(", ")}] is not a matrix with rows of a multiple of ${BLOCK_SIZE} numbers`);
  const count = width / BLOCK_SIZE;
  const codes = packed([out, count, (BLOCK_SIZE * bits) / 8]);
  const zeros = packed([out, zeroPointBytes(count, bits)]);
  const scales = new Float32Array(out * count);
  for (let block = 0; block < scales.length; block++) {
    const numbers = data.subarray(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE);
    const { scale, zero } = zeroPoints ? scaleBetween(numbers, bits) : scaleAround(numbers, bits);
    scales[block] = scale;
    const [row, column] = [Math.floor(block / count), block % count];
    pack(zeros.data, row * zeroPointBytes(count, bits), column, bits, zero);
    for (let i = 0; i < BLOCK_SIZE; i++)
      pack(codes.data, 0, block * BLOCK_SIZE + i, bits, codeOf(numbers[i] ?? 0, scale, zero, bits));
  }
  return { blocks: codes, scales: floatTensor([out, count], scales), ...(zeroPoints && { zeroPoints: zeros }) };
}

/**
 * The matrix that blocks stand for: their definition. Throws {@link OptionError} for shapes that do not belong
 * together.
 */
export function dequantizeBlocks({ blocks, scales, zeroPoints }: Blocks<HostTensor>): FloatTensor {
  const bits = codeBits(blocks.shape);
  const [out = 0, count = 0] = blocks.shape;
  if (!bits || scales.shape.join() !== [out, count].join())
    throw new OptionError(
      `[${blocks.shape.join(", ")}] with scales [${scales.shape.join(", ")}] are not blocks of a matrix`,
    );
  const numbers = unpackBlocks(bits, count, {
    blocks: blocks.data,
    scales: scales.data,
    ...(zeroPoints && { zeroPoints: zeroPoints.data }),
  });
  return floatTensor([out, count * BLOCK_SIZE], Float32Array.from(numbers));
}

/** The numbers of blocks in double precision, `count` blocks a row. */
export function unpackBlocks(
  bits: CodeBits,
  count: number,
  { blocks, scales, zeroPoints }: Blocks<ArrayLike<number>>,
): Float64Array {
  return Float64Array.from({ length: scales.length * BLOCK_SIZE }, (_, i) => {
    const block = Math.floor(i / BLOCK_SIZE);
    const rowStart = Math.floor(block / count) * zeroPointBytes(count, bits);
    const zero = zeroPoints ? unpacked(zeroPoints, rowStart, block % count, bits) : 2 ** (bits - 1);
    return (unpacked(blocks, 0, i, bits) - zero) * (scales[block] ?? 0);
  });
}

// --- internal ---

interface Scale {
  readonly scale: number;
  readonly zero: number;
}

/** Codes that reach as far below the zero point as above it. */
function scaleAround(numbers: Float32Array, bits: CodeBits): Scale {
  const largest = numbers.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  return { scale: Math.fround(largest / (2 ** (bits - 1) - 1)), zero: 2 ** (bits - 1) };
}

/** All codes between the smallest number and the largest. */
function scaleBetween(numbers: Float32Array, bits: CodeBits): Scale {
  const [low, high] = [numbers.reduce((a, b) => Math.min(a, b), 0), numbers.reduce((a, b) => Math.max(a, b), 0)];
  const scale = Math.fround((high - low) / (2 ** bits - 1));
  return { scale, zero: scale > 0 ? Math.round(-low / scale) : 0 };
}

function codeOf(x: number, scale: number, zero: number, bits: CodeBits): number {
  return scale > 0 ? Math.min(2 ** bits - 1, Math.max(0, Math.round(x / scale) + zero)) : zero;
}

function packed(shape: Shape): HostTensor<"uint8"> {
  return hostTensor("uint8", shape, new Uint8Array(sizeOf(shape)));
}

/** Writes code `index` of those that begin at a byte which is zero. */
function pack(bytes: Uint8Array, start: number, index: number, bits: CodeBits, code: number): void {
  const at = start + Math.floor((index * bits) / 8);
  bytes[at] = (bytes[at] ?? 0) | (code << ((index * bits) % 8));
}

function unpacked(bytes: ArrayLike<number>, start: number, index: number, bits: CodeBits): number {
  return ((bytes[start + Math.floor((index * bits) / 8)] ?? 0) >> ((index * bits) % 8)) & (2 ** bits - 1);
}
