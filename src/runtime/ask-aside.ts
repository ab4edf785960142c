import { createRng } from "../base/random.ts";
import { layersOf } from "../model/layers.ts";
import type { StoredModel } from "../model/transformer.ts";
import type { GenerateOptions } from "./generate.ts";
import { sampleToken } from "./sampler.ts";
import type { Session } from "./session.ts";

export interface AskOptions extends GenerateOptions {
  /**
   * Tokens of a line break. Where question and answer would fall into two segments and local attention sees only one,
   * empty lines are added first, up to the segment where both fit. Default: none are added.
   */
  readonly lineBreak?: ArrayLike<number>;
}

/**
 * What follows a prompt in each lane, up to `maxTokens` tokens or the first for which `stopAfter` holds, included. The
 * session does not change, so reading continues as if nothing had been asked.
 *
 * @param prompt Tokens that every lane reads.
 * @throws {SessionError} for an empty prompt and tokens outside the vocabulary.
 */
export async function askAside(session: Session, prompt: Int32Array, options: AskOptions = {}): Promise<number[][]> {
  const { maxTokens = 256, lineBreak = [] } = options;
  const before = await session.snapshot();
  const size = lineBreak.length > 0 && prompt.length > 0 ? roomBefore(session, prompt.length + maxTokens) : 0;
  const lines = Int32Array.from({ length: size }, (_, i) => lineBreak[i % lineBreak.length] ?? 0);
  try {
    return await answersTo(session, Int32Array.from([...lines, ...prompt]), options);
  } finally {
    await session.restore(before);
  }
}

// --- internal ---

async function answersTo(session: Session, prompt: Int32Array, options: AskOptions): Promise<number[][]> {
  const { maxTokens = 256, seed = 0, stopAfter } = options;
  const rng = createRng(seed).fork("sampling");
  const answers = Array.from({ length: session.batch }, (): number[] => []);
  const hasEnded = (answer: readonly number[]): boolean => {
    const last = answer.at(-1);
    return answer.length >= maxTokens || (last !== undefined && stopAfter?.(last) === true);
  };
  let logits = await session.prefill(answers.map(() => prompt));
  const width = logits.length / session.batch;
  for (;;) {
    const tokens = answers.map((answer, lane) => {
      if (hasEnded(answer)) return answer.at(-1) ?? 0; // keeps reading along with the others; its answer has ended
      const token = sampleToken(logits.subarray(lane * width, (lane + 1) * width), options, rng);
      answer.push(token);
      return token;
    });
    if (answers.every(hasEnded)) return answers;
    logits = await session.step(tokens);
  }
}

/** Tokens up to the next segment, if `needed` tokens fit there, do not fit here, and attention does not see across. */
function roomBefore({ loaded, position }: Pick<Session, "loaded" | "position">, needed: number): number {
  const { segmentLength } = loaded.model.config;
  const left = segmentLength - (position % segmentLength);
  return !seesBack(loaded) && left < needed && needed <= segmentLength ? left : 0;
}

/** Whether local attention sees tokens of the segment before. */
function seesBack({ model: { config } }: StoredModel): boolean {
  const seesMore = layersOf(config).some((layer) => layer.kind !== "infini" || layer.memory.cache);
  return seesMore || config.mixer?.kind === "recurrent-memory";
}
