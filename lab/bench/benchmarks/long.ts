import { measureInChild } from "../lib/child.ts";
import type { Benchmark, Contest, Contestant, Setup } from "../lib/measure.ts";
import { MEMORY, time } from "../lib/quantities.ts";

/** Reading very much, and what full attention would pay at the same place. */
export const long: Benchmark = {
  name: "long",
  about:
    "The shipped model reads so many tokens, one lane, and then goes on token by token. Beside it a model of the same shape whose attention sees everything, with a key/value cache that is as full as it would be at that place: what its next token costs. Reading that far with it would take time that grows with the square of the length, so its cache is filled at random. A process for each, so that memory is its own (60 MB of it are Node and its loader).",
  contests: (setup) => (setup.quick ? [256] : [16_384, 1_048_576]).map((tokens) => contest(tokens, setup)),
};

// --- internal ---

function contest(tokens: number, { quick }: Setup): Contest {
  const settings = { tokens, steps: quick ? 2 : 64 };
  const inChild = (name: string, file: string): Contestant => ({ name, measure: () => measureInChild(file, settings) });
  return {
    title: `After ${tokens.toLocaleString("en-US")} tokens`,
    quantities: { reading: time("reading, each token"), step: time("the next token"), memory: MEMORY },
    contestants: async () => [
      inChild("infini-transformer", "read.ts"),
      inChild("full attention with a key/value cache", "full-attention.ts"),
    ],
  };
}
