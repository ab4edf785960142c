import { mostLikely } from "../runtime/sampler.ts";
import type { Session } from "../runtime/session.ts";
import { byteTokenizer, type Tokenizer } from "../text/tokenizers/tokenizer.ts";

export interface AnswerOptions {
  /** Maximum characters of an answer; anything beyond is cut off. */
  readonly characters: number;
  /** Default: bytes. */
  readonly tokenizer?: Tokenizer;
}

/** What each lane writes, greedily, after its prompt. */
export async function answerPrompts(
  session: Session,
  prompts: readonly Int32Array[],
  options: AnswerOptions,
  onProgress?: (done: number) => void,
): Promise<string[]> {
  return answersAfter(session, await session.prefill(prompts, onProgress), options);
}

/**
 * What each lane writes, greedily, starting from the logits [B * V] of the next token: until every lane has this
 * many characters, or at most this many tokens.
 */
export async function answersAfter(
  session: Session,
  first: Float32Array,
  { characters, tokenizer = byteTokenizer }: AnswerOptions,
): Promise<string[]> {
  const written = Array.from({ length: session.batch }, (): number[] => []);
  let answers = written.map(() => "");
  let logits = first;
  const size = logits.length / session.batch;
  for (let i = 0; i < characters; i++) {
    const tokens = written.map((_, lane) => mostLikely(logits.subarray(lane * size, (lane + 1) * size)));
    tokens.forEach((token, lane) => written[lane]?.push(token));
    answers = written.map((lane) => tokenizer.decode(lane));
    if (i + 1 === characters || answers.every(({ length }) => length >= characters)) break;
    logits = await session.step(tokens);
  }
  return answers.map((answer) => answer.slice(0, characters));
}
