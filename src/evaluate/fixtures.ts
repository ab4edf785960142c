import { byteTokenizer, type Tokenizer } from "../text/tokenizers/tokenizer.ts";
import { SEGMENT, tinyModel } from "../runtime/fixtures.ts";
import { SessionError, type LaneTokens } from "../runtime/lane-tokens.ts";
import type { Snapshot } from "../runtime/lanes.ts";
import type { Session } from "../runtime/session.ts";

export interface FakeSession extends Session {
  /** What each lane has read since the last reset, not counting questions that were taken back. */
  readonly texts: readonly string[];
  /** How often each method was called. */
  readonly calls: Readonly<Record<"prefill" | "step" | "snapshot" | "restore" | "reset", number>>;
}

/**
 * A session that remembers everything it has read and writes what `answer` returns: `text` is everything that the lane
 * has read, `asked` counts the prompts read before.
 */
export function fakeSession(
  batch: number,
  answer: (text: string, asked: number, lane: number) => string,
  segmentLength = SEGMENT,
  tokenizer: Tokenizer = byteTokenizer,
): FakeSession {
  const calls = { prefill: 0, step: 0, snapshot: 0, restore: 0, reset: 0 };
  const { model, params } = tinyModel({}, 256);
  const loaded = { params, model: { ...model, config: { ...model.config, segmentLength, tokenizer: tokenizer.name } } };
  let texts: string[] = Array<string>(batch).fill("");
  let pending: Int32Array[] = [];
  let written = 0;
  const { vocabularySize } = tokenizer;
  const likely = (): Float32Array => {
    const logits = new Float32Array(batch * vocabularySize);
    pending.forEach((tokens, lane) => (logits[lane * vocabularySize + (tokens[written] ?? 10)] = 1));
    return logits;
  };
  const append = (lanes: readonly Int32Array[]): void => {
    texts = texts.map((text, lane) => text + tokenizer.decode(lanes[lane] ?? []));
  };
  const take = (tokens: LaneTokens, onProgress?: (done: number) => void): void => {
    const lanes = tokens instanceof Int32Array ? [tokens] : tokens;
    const length = lanes[0]?.length ?? 0;
    if (lanes.length !== batch || lanes.some((lane) => lane.length !== length))
      throw new SessionError("lanes do not fit");
    append(lanes);
    onProgress?.(Math.floor(length / 2));
    onProgress?.(length);
  };
  return {
    loaded,
    batch,
    calls,
    stateBytes: 0,
    get texts() {
      return texts;
    },
    get position() {
      return texts[0]?.length ?? 0;
    },
    prepare: () => Promise.resolve(),
    async read(tokens, onProgress) {
      take(tokens, onProgress);
    },
    async prefill(tokens, onProgress) {
      take(tokens, onProgress);
      pending = texts.map((text, lane) => tokenizer.encode(answer(text, calls.prefill, lane)));
      written = 0;
      calls.prefill += 1;
      return likely();
    },
    async step(tokens) {
      const each = typeof tokens === "number" ? [tokens] : tokens;
      append(each.map((token) => Int32Array.of(token)));
      calls.step += 1;
      written += 1;
      return likely();
    },
    logits: () => Promise.reject(new SessionError("there are no logits of all tokens")),
    score: () => Promise.reject(new SessionError("nothing is scored")),
    save: async () => new TextEncoder().encode(JSON.stringify(texts)),
    load: async (bytes) => void (texts = JSON.parse(new TextDecoder().decode(bytes)) as string[]),
    async snapshot() {
      calls.snapshot += 1;
      return { loaded, batch, positions: texts.map(({ length }) => length), state: {}, segment: {}, texts };
    },
    async restore(snapshot) {
      calls.restore += 1;
      ({ texts } = snapshot as Snapshot & { texts: string[] });
    },
    async reset() {
      calls.reset += 1;
      texts = Array<string>(batch).fill("");
    },
    dispose: () => Promise.resolve(),
  };
}

/** The key that a text hides; none when there is none. */
export function keyIn(text: string): string {
  return /The pass key is (\d+)\. Remember it\./.exec(text)?.[1] ?? "";
}
