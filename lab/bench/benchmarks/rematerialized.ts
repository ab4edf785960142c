import { measureInChild } from "../lib/child.ts";
import type { Benchmark, Contest, Contestant, Setup } from "../lib/measure.ts";
import { MEMORY, SPEED } from "../lib/quantities.ts";

/** Backpropagation in two modes: one that keeps everything, and one that recomputes it. */
export const rematerialized: Benchmark = {
  name: "rematerialized",
  about:
    "Training steps of the preset `tiny` (4 lanes, segments of 64 tokens) on sequences of 4 and of 64 segments. The gradients come from one graph for all segments (`parallel`) or from one segment after another (`rematerialized`), whose memory should not grow with their number. Each runs in its own process; a test checks that both give the same gradients.",
  contests: (setup) => (setup.quick ? [3] : [4, 64]).map((segments) => contest(segments, setup)),
};

// --- internal ---

function contest(segments: number, { quick }: Setup): Contest {
  const steps = quick ? 1 : Math.ceil(256 / segments);
  const inChild = (mode: string): Contestant => ({
    name: mode,
    measure: () => measureInChild("train.ts", { segments, mode, steps, quick }),
  });
  return {
    title: `${segments} segments`,
    quantities: { speed: SPEED, memory: MEMORY },
    contestants: async () => [inChild("rematerialized"), inChild("parallel")],
  };
}
