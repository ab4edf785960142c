import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OptionError } from "../base/errors.ts";
import { BLOCK_SIZE, codeBits, dequantizeBlocks, quantizeBlocks, type Blocks } from "./blocks.ts";
import { filled, floatTensor, hostTensor, type FloatTensor, type HostTensor } from "./host-tensor.ts";

const BITS = [4, 8] as const;
const OPTIONS = BITS.flatMap((bits) => [false, true].map((zeroPoints) => ({ bits, zeroPoints })));

describe("blocks", () => {
  it("have the layout of MatMulNBits", () => {
    const row = Float32Array.from({ length: BLOCK_SIZE }, (_, i) => i % 8);
    const { blocks, scales, zeroPoints } = quantizeBlocks(floatTensor([1, BLOCK_SIZE], row), { bits: 4 });
    expect(scales).toEqual(floatTensor([1, 1], Float32Array.of(1)));
    expect(blocks.shape).toEqual([1, 1, 16]);
    expect([...blocks.data.subarray(0, 4)]).toEqual([0x98, 0xba, 0xdc, 0xfe]); // 8 + 0, 8 + 1, ..
    expect(zeroPoints).toBeUndefined();
  });

  it("pack the zero points of each row separately", () => {
    const rows = [-15, 0, 15].flatMap((low) => Array.from({ length: BLOCK_SIZE }, (_, i) => low + (i % 16)));
    const numbers = floatTensor([2, 3 * BLOCK_SIZE], Float32Array.from([...rows, ...rows]));
    const { zeroPoints } = quantizeBlocks(numbers, { bits: 4, zeroPoints: true });
    expect(zeroPoints).toEqual(hostTensor("uint8", [2, 2], Uint8Array.of(0x0f, 0, 0x0f, 0)));
  });

  it("match their definition", () => {
    const blocks = hostTensor(
      "uint8",
      [1, 2, 16],
      Uint8Array.from({ length: 32 }, (_, i) => i * 7),
    );
    const scales = floatTensor([1, 2], Float32Array.of(0.5, -2));
    const zeroPoints = hostTensor("uint8", [1, 1], Uint8Array.of(0x3c));
    const { data, shape } = dequantizeBlocks({ blocks, scales, zeroPoints });
    expect(shape).toEqual([1, 64]);
    expect([data[0], data[2], data[3], data[33]]).toEqual([-6, (7 - 12) / 2, (0 - 12) / 2, -2 * (7 - 3)]);
    expect(dequantizeBlocks({ blocks, scales }).data[3]).toBe((0 - 8) / 2);
  });

  it.each(OPTIONS)("change no number by more than half a scale: %j", (options) => {
    fc.assert(
      fc.property(matrix, (numbers) => {
        const quantized = quantizeBlocks(numbers, options);
        const restored = dequantizeBlocks(quantized);
        const wrong = [...numbers.data].filter((x, i) => {
          const scale = quantized.scales.data[Math.floor(i / BLOCK_SIZE)] ?? 0;
          // Scales themselves are rounded, to a multiple of 2^-149 at the lowest.
          return !(Math.abs(x - (restored.data[i] ?? NaN)) <= 0.5001 * scale + 2 ** -142);
        });
        expect(wrong).toEqual([]);
        expect(Math.max(...quantized.scales.data)).toBeLessThanOrEqual(
          largestScale(numbers, options) * (1 + 1e-6) + 2 ** -149,
        );
      }),
    );
  });

  it.each(OPTIONS)("keep zeros, signs and the bits of a code: %j", (options) => {
    const { blocks } = quantizeBlocks(filled([3, 64], 0), options);
    expect(codeBits(blocks.shape)).toBe(options.bits);
    expect([...dequantizeBlocks(quantizeBlocks(filled([1, 32], 0), options)).data]).toEqual(Array(32).fill(0));
    expect(dequantizeBlocks(quantizeBlocks(filled([1, 32], -3), options)).data[0]).toBeCloseTo(-3, 5);
  });

  it.each([[[32]], [[2, 33]], [[2, 31]], [[1, 2, 32]]])("refuses the shape %j", (shape) => {
    expect(() => quantizeBlocks(filled(shape, 1), { bits: 4 })).toThrow(OptionError);
  });

  it("refuses parts that do not belong together", () => {
    const { blocks, scales } = quantizeBlocks(filled([2, 64], 1), { bits: 8 });
    for (const parts of [
      { blocks, scales: filled([2, 1], 1) },
      { blocks: filled([2, 64], 1), scales },
    ] satisfies Blocks<HostTensor>[])
      expect(() => dequantizeBlocks(parts)).toThrow(OptionError);
  });
});

// --- internal ---

/** Matrices of blocks of very different sizes, some of them all zeros or all of one sign. */
const matrix: fc.Arbitrary<FloatTensor> = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }))
  .chain(([out, count]) =>
    fc
      .array(
        fc.tuple(
          fc.constantFrom(0, 1e-40, 1e-6, 1, 3e4),
          fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: BLOCK_SIZE, maxLength: BLOCK_SIZE }),
          fc.boolean(),
        ),
        { minLength: out * count, maxLength: out * count },
      )
      .map((blocks) => {
        const numbers = blocks.flatMap(([size, row, positive]) => row.map((x) => size * (positive ? Math.abs(x) : x)));
        return floatTensor([out, count * BLOCK_SIZE], Float32Array.from(numbers));
      }),
  );

function largestScale({ data }: FloatTensor, { bits, zeroPoints }: (typeof OPTIONS)[number]): number {
  const [low, high] = [Math.min(0, ...data), Math.max(0, ...data)];
  return zeroPoints ? (high - low) / (2 ** bits - 1) : Math.max(-low, high) / (2 ** (bits - 1) - 1);
}
