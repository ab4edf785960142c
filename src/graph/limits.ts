/** Numbers that stand for "nothing" in a type that computations use. */
export interface Limits {
  /**
   * The score of a pair that may not see each other: it vanishes in a softmax, and the sum of two is still finite.
   */
  readonly hidden: number;
  /**
   * What is added to a denominator that can be zero: a normal number, far below the sums that it is added to.
   */
  readonly denominator: number;
}

/** By type. float32 is the only type used in computations today. */
export const LIMITS: Readonly<Record<"float32" | "float16", Limits>> = {
  float32: { hidden: -1e30, denominator: 1e-6 },
  float16: { hidden: -3e4, denominator: 2 ** -14 }, // the largest is 65,504, the smallest normal number 2^-14
};

export const { hidden: HIDDEN, denominator: SMALLEST_DENOMINATOR } = LIMITS.float32;
