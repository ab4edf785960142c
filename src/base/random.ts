import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** A seeded source of random numbers. The same seed gives the same numbers on every machine. */
export interface Rng {
  /** A number in [0, 1) with 32 random bits. */
  uniform(): number;
  /** A whole number in [0, limit). */
  integer(limit: number): number;
  /** A number from the standard normal distribution. */
  normal(): number;
  /** An independent source that depends only on this one's seed and the label, not on what was drawn. */
  fork(label: string | number): Rng;
}

/** A source of random numbers for this seed: any whole number. */
export function createRng(seed: number): Rng {
  const generator = xoroshiro128plus(scramble(seed | 0));
  const uniform = (): number => (generator.next() >>> 0) / 0x1_0000_0000;
  return {
    uniform,
    integer: (limit) => Math.floor(uniform() * limit),
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    fork: (label) => createRng(hashLabel(seed | 0, String(label))),
  };
}

// --- internal ---

/** Finalizer of MurmurHash3: neighbouring seeds give unrelated generators. */
function scramble(value: number): number {
  let h = value ^ 0x9e3779b9;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}

function hashLabel(seed: number, label: string): number {
  let h = scramble(seed);
  for (let i = 0; i < label.length; i++) h = scramble(Math.imul(h, 31) + label.charCodeAt(i));
  return h;
}
