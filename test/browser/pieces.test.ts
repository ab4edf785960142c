import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isScored, MOST_SCORED, PIECE } from "../../web/src/read/pieces.ts";

describe("the pieces of a text that are scored", () => {
  it("are all of a short text, and as many as are meant of any other, evenly spread", () => {
    const [count, part] = [fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 0, max: PIECE - 1 })];
    fc.assert(
      fc.property(count, part, (pieces, start) => {
        const scored = scoredOf(pieces, start, start + pieces * PIECE);
        expect(scored.length).toBe(Math.min(pieces, MOST_SCORED));
        const gaps = scored.slice(1).map((index, i) => index - (scored[i] ?? 0));
        expect(gaps.every((gap) => Math.abs(gap - pieces / scored.length) < 1)).toBe(true);
      }),
    );
  });

  it("lack one at most where the text begins and ends with parts of a piece", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), (pieces) => {
        const most = Math.min(pieces + 1, MOST_SCORED);
        const scored = scoredOf(pieces, PIECE - 1, (pieces + 2) * PIECE - 2).length;
        expect([most - 1, most]).toContain(scored);
      }),
    );
  });
});

// --- internal ---

/** Which of the whole pieces from a byte on are scored. */
function scoredOf(pieces: number, start: number, size: number): number[] {
  return Array.from({ length: pieces }, (_, i) => i).filter((i) => isScored(start + i * PIECE, size));
}
