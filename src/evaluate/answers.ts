import { decodeTokens } from "../text/bytes.ts";
import { mostLikely } from "../runtime/sampler.ts";
import type { Session } from "../runtime/session.ts";

/** What each lane writes, greedily, after its prompt: `answerTokens` tokens. */
export async function answerPrompts(
  session: Session,
  prompts: readonly Int32Array[],
  answerTokens: number,
  onProgress?: (done: number) => void,
): Promise<string[]> {
  return answersAfter(session, await session.prefill(prompts, onProgress), answerTokens);
}

/** What each lane writes, greedily, from the logits [B * V] of the token that comes next on. */
export async function answersAfter(session: Session, first: Float32Array, answerTokens: number): Promise<string[]> {
  const answers = Array.from({ length: session.batch }, (): number[] => []);
  let logits = first;
  const size = logits.length / session.batch;
  for (let i = 0; i < answerTokens; i++) {
    const tokens = answers.map((_, lane) => mostLikely(logits.subarray(lane * size, (lane + 1) * size)));
    tokens.forEach((token, lane) => answers[lane]?.push(token));
    if (i + 1 < answerTokens) logits = await session.step(tokens);
  }
  return answers.map((tokens) => decodeTokens(tokens));
}
