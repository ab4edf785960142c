import type { Engine } from "../../engine/engine.ts";
import { evaluatePerplexity, poolPerplexity, type PerplexityResult } from "../../evaluate/perplexity.ts";
import type { LoadedModel } from "../../model/transformer.ts";
import { createSession } from "../../runtime/session.ts";
import type { ScoredText } from "../measures/texts.ts";

/** Bits per byte of held-out texts, each read from an empty memory. The weights are read in place. */
export async function validate(loaded: LoadedModel, engine: Engine, texts: readonly ScoredText[]): Promise<number> {
  const session = createSession({ loaded, engine });
  try {
    const results: PerplexityResult[] = [];
    for (const { tokens, bytes } of texts) {
      await session.reset();
      results.push(await evaluatePerplexity(session, tokens, { bytes }));
    }
    return poolPerplexity(results).bitsPerByte;
  } finally {
    await session.dispose();
  }
}
