import type { Engine } from "../engine/engine.ts";
import { createStore } from "../engine/store/store.ts";
import { changeKind, named, nameOf } from "../graph/names.ts";
import { intTensor, type FloatTensor, type HostTensor } from "../tensor/host-tensor.ts";
import type { Flat } from "../tensor/tree.ts";
import { memoriesOf } from "../model/layers.ts";
import { hasMemory, noTraces } from "../model/look.ts";
import type { StoredModel } from "../model/transformer.ts";
import { lookProgram } from "./programs.ts";
import { checkLanes, dataOf, padTo, SessionError } from "./lane-tokens.ts";
import type { Snapshot } from "./lanes.ts";
import { createSession, type Session } from "./session.ts";

/** What one head did with the n tokens of a segment. */
export interface HeadLook {
  /** sigmoid(beta) of eq. 10 for each token: 0 takes local attention only, 1 the memory only. */
  readonly gate: Float32Array; // [n]
  /**
   * How much of the head's output comes from memory, 0 to 1, by the lengths of the two terms of eq. 10; the rest is
   * local. 0 while nothing has been written to the memory, as in the first segment of a look that begins with an empty
   * one.
   */
  readonly memoryShare: Float32Array; // [n]
  /**
   * For each earlier segment of this look that is kept, the cosine between what the memory returned for each token and
   * what it would return if only that segment had been written to it; 0 where the segment wrote nothing.
   */
  readonly resemblance: readonly Float32Array[]; // [earlier segments][n]
}

/** A segment that was read, and what happened in every layer. */
export interface SegmentLook {
  /** Counted from 0, the first that this look shows. */
  readonly index: number;
  readonly tokens: Int32Array; // [n], n tokens up to a segment
  /** Index of the segment that `resemblance` begins with. */
  readonly firstEarlier: number;
  /** All of them; layers and heads without a memory show zeros. */
  readonly layers: readonly (readonly HeadLook[])[];
}

export interface LookOptions {
  readonly loaded: StoredModel;
  readonly engine: Engine;
  /** Maximum segments kept to compare with; each takes as much space as the memory of the model. Default 64. */
  readonly earlier?: number;
  /**
   * What was read before: a snapshot of a session of this model with one lane. Where it ends inside a segment, the
   * first tokens complete it and are not shown; the look begins with the segment after it. Default: nothing.
   */
  readonly from?: Snapshot;
}

/**
 * Reads a text from an empty memory, or after what was read before, and shows, segment by segment, where the output of each
 * head comes from. The numbers are those of the pass itself; see attention/infini/look.ts.
 *
 * @throws {SessionError} for a model without Infini-attention's memory, no tokens or tokens outside the vocabulary, a
 *   snapshot of another model or of several lanes, and tokens that end before the open segment of a snapshot does.
 */
export async function* lookInside(
  { loaded, engine, earlier = 64, from }: LookOptions,
  tokens: Int32Array,
): AsyncGenerator<SegmentLook, void> {
  const { model, params } = loaded;
  const { segmentLength: N, vocabularySize } = model.config;
  if (!hasMemory(model.config)) throw new SessionError("the model has no memory to look into");
  checkLanes(tokens, 1, vocabularySize);
  const traces = named<FloatTensor>("traces", noTraces(model.config, earlier));
  const closed = await upToSegment(createSession({ loaded, engine }), from, tokens);
  const store = createStore(engine, { ...named<FloatTensor>("params", params), ...closed.state });
  const program = await store.compile(lookProgram(loaded, earlier));
  try {
    for (let index = 0; index * N < closed.rest.length; index++) {
      const part = closed.rest.slice(index * N, (index + 1) * N);
      const fed = { tokens: intTensor([1, N], padTo(part, N)) }; // padding comes last, so nothing before sees it
      const results = await program.run({ ...traces, ...fed });
      yield segmentLook(results, loaded, part, index, earlier);
      store.keep();
      keepTrace(traces, changeKind(results, "trace", "traces"), index % earlier);
    }
  } finally {
    await store.dispose();
    await program.dispose();
  }
}

// --- internal ---

/**
 * What a session keeps once no segment is open, which may take the first tokens, and the remaining tokens.
 */
async function upToSegment(
  session: Session,
  from: Snapshot | undefined,
  tokens: Int32Array,
): Promise<{ readonly state: Flat<HostTensor>; readonly rest: Int32Array }> {
  try {
    if (from) await session.restore(from);
    const { segmentLength: N } = session.loaded.model.config;
    const room = (N - (session.position % N)) % N;
    if (tokens.length <= room)
      throw new SessionError(`the open segment takes ${room} more tokens, but there are only ${tokens.length}`);
    if (room > 0) await session.read(tokens.subarray(0, room));
    return { state: (await session.snapshot()).state, rest: tokens.subarray(room) };
  } finally {
    await session.dispose();
  }
}

function segmentLook(
  results: Flat<HostTensor>,
  { model: { config } }: StoredModel,
  tokens: Int32Array,
  index: number,
  earlier: number,
): SegmentLook {
  const { numLayers, numHeads: H, segmentLength: N } = config;
  const firstEarlier = Math.max(0, index - earlier);
  const remembers = memoriesOf(config);
  const row = (layer: number, name: string, at: number): Float32Array =>
    remembers.has(layer)
      ? dataOf(results, nameOf("look", String(layer), name)).slice(at * N, at * N + tokens.length)
      : new Float32Array(tokens.length);
  const head = (layer: number, h: number): HeadLook => ({
    gate: row(layer, "gate", h),
    memoryShare: row(layer, "memoryShare", h),
    resemblance: range(index - firstEarlier).map((i) =>
      row(layer, "resemblance", ((firstEarlier + i) % earlier) * H + h),
    ),
  });
  const layers = range(numLayers).map((layer) => range(H).map((h) => head(layer, h)));
  return { index, tokens, firstEarlier, layers };
}

/** Writes the trace of a segment over the oldest. */
function keepTrace(traces: Flat<FloatTensor>, trace: Flat<HostTensor>, lane: number): void {
  for (const name of Object.keys(traces)) {
    const data = dataOf(trace, name);
    dataOf(traces, name).set(data, lane * data.length);
  }
}

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}
