import { measureInChild } from "../lib/child.ts";
import type { Benchmark, Contest, Contestant, Setup } from "../lib/measure.ts";
import { MEMORY, time } from "../lib/quantities.ts";

/** Reading a very long text, and the cost of full attention at the same position. */
export const long: Benchmark = {
  name: "long",
  about:
    "The shipped model reads the given number of tokens in one lane and then continues token by token. It is compared with the cost of the next token in a model of the same shape with full attention, whose key/value cache is as full as it would be at that position. Reading that far would take it time quadratic in the length, so the cache is filled at random. Each runs in its own process, so that memory is its own (60 MB of it are Node and its loader).",
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
