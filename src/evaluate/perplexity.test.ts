import { OptionError } from "../base/errors.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Engine } from "../engine/engine.ts";
import { createNodeEngine } from "../engine/ort/ort-node.ts";
import { randomTokens, SEGMENT, tinyModel, weightsOf } from "../runtime/fixtures.ts";
import { SessionError } from "../runtime/lane-tokens.ts";
import { createSession, type Session } from "../runtime/session.ts";
import { input } from "../graph/builder.ts";
import { createGraph } from "../graph/graph.ts";
import { intTensor, type HostTensor } from "../tensor/host-tensor.ts";
import { flatten } from "../tensor/tree.ts";
import { layerInputs, parameterInputs } from "../model/inputs.ts";
import { evaluatePerplexity, poolPerplexity } from "./perplexity.ts";

const TOKENS = 6 * SEGMENT; // whole segments, as the plain computation needs
const loaded = tinyModel();
const text = randomTokens(TOKENS + 1);
let engine: Engine;
let session: Session;

beforeAll(async () => {
  engine = await createNodeEngine({ threads: 1 });
  session = createSession({ loaded, engine });
});
beforeEach(() => session.reset());
afterAll(() => session.dispose());

describe("evaluatePerplexity", () => {
  it("is what the logits of the model give", async () => {
    const nats = await plainMean();
    const result = await evaluatePerplexity(session, text);
    expect(result.bitsPerByte).toBeCloseTo((nats * TOKENS) / (TOKENS + 1) / Math.LN2, 5);
    expect(result.perplexity / Math.exp(nats)).toBeCloseTo(1, 5);
    expect(result.tokens).toBe(TOKENS);
    expect(result.bytes).toBe(TOKENS + 1);
    expect(result.stateBytes).toBe(session.stateBytes);
    expect(result.tokensPerSecond).toBeGreaterThan(0);
    expect(session.position).toBe(TOKENS);
  });

  it.each([1, 5, SEGMENT, 3 * SEGMENT + 1, TOKENS, 10_000])(
    "is the same when progress is reported every %i tokens",
    async (reportEvery) => {
      const seen: [number, number][] = [];
      const whole = await evaluatePerplexity(session, text);
      await session.reset();
      const result = await evaluatePerplexity(session, text, {
        reportEvery,
        onProgress: (done, total) => seen.push([done, total]),
      });
      expect(result.bitsPerByte).toBeCloseTo(whole.bitsPerByte, 5);
      const ends = Array.from({ length: Math.ceil(TOKENS / reportEvery) }, (_, i) =>
        Math.min(TOKENS, (i + 1) * reportEvery),
      );
      expect(seen).toEqual(ends.map((end) => [end, TOKENS]));
    },
  );

  it("divides by the bytes of the text, whatever its tokens", async () => {
    const { bitsPerByte, perplexity } = await evaluatePerplexity(session, text, { bytes: 1000 });
    expect(bitsPerByte).toBeCloseTo((Math.log2(perplexity) * TOKENS) / 1000, 10);
  });

  it("accepts a text of two tokens, and refuses shorter ones", async () => {
    const { tokens, perplexity } = await evaluatePerplexity(session, text.subarray(0, 2));
    expect(tokens).toBe(1);
    expect(perplexity).toBeGreaterThan(1);
    for (const length of [0, 1]) {
      await expect(evaluatePerplexity(session, text.subarray(0, length))).rejects.toThrow(OptionError);
    }
  });

  it("refuses tokens outside the model's vocabulary", async () => {
    await expect(evaluatePerplexity(session, Int32Array.of(1, 2, 20))).rejects.toThrow(SessionError);
  });
});

describe("poolPerplexity", () => {
  it("counts every token of several texts once, and every byte", async () => {
    const half = text.length / 2;
    const parts = [text.subarray(0, half), text.subarray(half)].map((part, i) => ({ part, bytes: 100 + i }));
    const results = [];
    for (const { part, bytes } of parts) {
      await session.reset();
      results.push(await evaluatePerplexity(session, part, { bytes }));
    }
    const pooled = poolPerplexity(results);
    const nats = results.reduce((sum, { perplexity, tokens }) => sum + Math.log(perplexity) * tokens, 0);
    expect(pooled).toMatchObject({ tokens: TOKENS - 1, bytes: 201, stateBytes: session.stateBytes });
    expect(pooled.bitsPerByte).toBeCloseTo(nats / Math.LN2 / 201, 10);
    expect(Math.log(pooled.perplexity)).toBeCloseTo(nats / (TOKENS - 1), 10);
    const seconds = results.reduce((sum, { tokens, tokensPerSecond }) => sum + tokens / tokensPerSecond, 0);
    expect(pooled.tokensPerSecond).toBeCloseTo((TOKENS - 1) / seconds, 6);
    expect(() => poolPerplexity([])).toThrow(OptionError);
  });
});

// --- internal ---

/** Mean cross-entropy in nats, from the logits of all tokens at once. */
async function plainMean(): Promise<number> {
  const { model, params } = loaded;
  const weights = parameterInputs(params);
  const result = model.apply(
    weights,
    input("tokens", [1, TOKENS], "int32"),
    layerInputs(model.initialState(1), "state"),
  );
  const program = await engine.compile(createGraph({ logits: model.logits(weights, result.hidden) }));
  const state = flatten<HostTensor>(model.initialState(1), "state");
  const { logits } = await program.run({
    ...weightsOf(loaded),
    ...state,
    tokens: intTensor([1, TOKENS], text.slice(0, TOKENS)),
  });
  const size = model.config.vocabularySize;
  const losses = Array.from({ length: TOKENS }, (_, i) => {
    const row = Array.from(logits?.data.subarray(i * size, (i + 1) * size) ?? []);
    const total = row.reduce((sum, logit) => sum + Math.exp(logit), 0);
    return -Math.log(Math.exp(row[text[i + 1] ?? -1] ?? NaN) / total);
  });
  await program.dispose();
  return losses.reduce((sum, loss) => sum + loss, 0) / TOKENS;
}
