import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { floatTensor, hostTensor, intTensor, type HostDType } from "./host-tensor.ts";
import { firstNonFinite, fromFloat32, toFloat32, type FloatDType } from "./number-types.ts";

/** The exponent of 1 and the number of fraction bits of each 16-bit type. */
const FORMATS = { float16: { bias: 15, fraction: 10 }, bfloat16: { bias: 127, fraction: 7 } } as const;
type Short = keyof typeof FORMATS;
const SHORT = Object.keys(FORMATS) as Short[];

describe.each(SHORT)("%s", (dtype) => {
  const all = Uint16Array.from({ length: 1 << 16 }, (_, bits) => bits);
  const floats = toFloat32(hostTensor(dtype, [all.length], all)).data;

  it("decodes every number as its bits say", () => {
    expect([...floats]).toEqual([...all].map((bits) => defined(dtype, bits)));
  });

  it("comes back from float32, bit for bit except for values that are not numbers", () => {
    const back = fromFloat32(floatTensor([all.length], floats), dtype).data;
    expect([...back].filter((bits, i) => bits !== i && !Number.isNaN(floats[i]))).toEqual([]);
    expect([...toFloat32(hostTensor(dtype, [all.length], back)).data]).toEqual([...floats]);
  });

  it("is the nearest to a float32, the even one in a tie", () => {
    fc.assert(
      fc.property(fc.oneof(anyFloat, closeToHalfway(dtype)), (x) => {
        expect(rounded(dtype, x)).toBe(nearest(dtype, x));
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    [0, 0],
    [-0, 0x8000],
    [2 ** -24, dtype === "float16" ? 1 : 0x3380],
    [2 ** -25, dtype === "float16" ? 0 : 0x3300], // as far from zero as from the smallest: zero is even
    [1.5 * 2 ** -24, dtype === "float16" ? 2 : 0x33c0],
    [2 ** -149, 0],
    [65519, dtype === "float16" ? 0x7bff : 0x4780],
    [65520, dtype === "float16" ? 0x7c00 : 0x4780],
    [3.4e38, dtype === "float16" ? 0x7c00 : 0x7f80],
    [-Infinity, dtype === "float16" ? 0xfc00 : 0xff80],
  ])("of %d has the expected bits", (x, bits) => {
    expect(rounded(dtype, x)).toBe(bits);
  });

  it("keeps what is not a number", () => {
    const bits = Uint32Array.of(0x7fc00000, 0x7f800001, 0xffffffff); // the second would lose its fraction
    const nans = floatTensor([3], new Float32Array(bits.buffer));
    expect([...toFloat32(fromFloat32(nans, dtype)).data]).toEqual([NaN, NaN, NaN]);
  });
});

describe("toFloat32", () => {
  it("takes whole numbers, and does not change float32", () => {
    expect(toFloat32(intTensor([2], Int32Array.of(-3, 7)))).toEqual(floatTensor([2], Float32Array.of(-3, 7)));
    expect(toFloat32(hostTensor("uint8", [1], Uint8Array.of(255))).data).toEqual(Float32Array.of(255));
    const given = floatTensor([1], Float32Array.of(0.1));
    expect(toFloat32(given)).toBe(given);
    expect(fromFloat32(given, "float32")).toBe(given);
  });
});

describe("firstNonFinite", () => {
  it.each<[FloatDType, number]>(
    (["float32", ...SHORT] as const).flatMap((dtype) =>
      [Infinity, -Infinity, NaN].map((x) => [dtype, x] as [FloatDType, number]),
    ),
  )("finds in %s the first %d", (dtype, x) => {
    const values = fromFloat32(floatTensor([4], Float32Array.of(1, -6e4, x, x)), dtype);
    expect(firstNonFinite(values)).toBe(2);
    expect(firstNonFinite(fromFloat32(floatTensor([2], Float32Array.of(0, -6e4)), dtype))).toBe(-1);
  });

  it("finds nothing among whole numbers", () => {
    for (const [dtype, data] of [
      ["int32", Int32Array.of(-1, 0x7f800000)],
      ["uint8", Uint8Array.of(255)],
    ] as [HostDType, Int32Array | Uint8Array][])
      expect(firstNonFinite({ dtype, shape: [data.length], data })).toBe(-1);
  });
});

// --- internal ---

const anyFloat = fc.oneof(
  fc.float({ noNaN: true }),
  fc.float({ min: Math.fround(-70000), max: Math.fround(70000), noNaN: true }),
  fc.float({ min: Math.fround(-(2 ** -13)), max: Math.fround(2 ** -13), noNaN: true }),
);

/** A float32 at, or one step from, the middle between two neighbours of a type. */
function closeToHalfway(dtype: Short): fc.Arbitrary<number> {
  return fc
    .tuple(fc.nat(infinityOf(dtype) - 1), fc.constantFrom(-1, 0, 1), fc.boolean())
    .map(([bits, step, negative]) => {
      const [low, high] = [defined(dtype, bits), boundary(dtype, bits + 1)];
      const middle = Float32Array.of((low + high) / 2);
      const view = new Int32Array(middle.buffer);
      view[0] = Math.max(0, (view[0] ?? 0) + step);
      return (negative ? -1 : 1) * (middle[0] ?? 0);
    });
}

function rounded(dtype: Short, x: number): number | undefined {
  return fromFloat32(floatTensor([1], Float32Array.of(x)), dtype).data[0];
}

/** The value of a number by the definition of its format, in double precision. */
function defined(dtype: Short, bits: number): number {
  const { bias, fraction: width } = FORMATS[dtype];
  const sign = bits >= 1 << 15 ? -1 : 1;
  const exponent = (bits & 0x7fff) >> width;
  const fraction = (bits & ((1 << width) - 1)) / 2 ** width;
  if (exponent === 2 * bias + 1) return fraction > 0 ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
}

/** The bits of infinity. */
function infinityOf(dtype: Short): number {
  const { bias, fraction } = FORMATS[dtype];
  return (2 * bias + 1) << fraction;
}

/** As {@link defined}, with infinity where the next number would be if the format had one. */
function boundary(dtype: Short, bits: number): number {
  return bits === infinityOf(dtype) ? 2 ** (FORMATS[dtype].bias + 1) : defined(dtype, bits);
}

/**
 * The nearest number of a type, found by halving the interval that it lies in: the definition of rounding to nearest
 * even.
 */
function nearest(dtype: Short, x: number): number {
  const sign = Object.is(x, -0) || x < 0 ? 0x8000 : 0;
  const size = Math.abs(x);
  let [low, high] = [0, infinityOf(dtype)];
  if (size >= boundary(dtype, high)) return sign | high;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (boundary(dtype, middle) <= size) low = middle;
    else high = middle;
  }
  const [below, above] = [size - boundary(dtype, low), boundary(dtype, high) - size];
  if (below === above) return sign | (low % 2 === 0 ? low : high);
  return sign | (below < above ? low : high);
}
