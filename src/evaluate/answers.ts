import { decodeTokens } from "../data/bytes.ts";
import { mostLikely } from "../generate/sampler.ts";
import type { Session } from "../generate/session.ts";

/** What each lane writes, greedily, after its prompt: `answerTokens` tokens. */
export async function answerPrompts(
  session: Session,
  prompts: readonly Int32Array[],
  answerTokens: number,
  onProgress?: (done: number) => void,
): Promise<string[]> {
  const answers: number[][] = prompts.map(() => []);
  let logits = await session.prefill(prompts, onProgress);
  const size = logits.length / prompts.length;
  for (let i = 0; i < answerTokens; i++) {
    const tokens = prompts.map((_, lane) => mostLikely(logits.subarray(lane * size, (lane + 1) * size)));
    tokens.forEach((token, lane) => answers[lane]?.push(token));
    if (i + 1 < answerTokens) logits = await session.step(tokens);
  }
  return answers.map((tokens) => decodeTokens(tokens));
}
