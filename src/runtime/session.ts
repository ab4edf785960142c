import { InfiniError } from "../base/errors.ts";
import type { Engine } from "../engine/engine.ts";
import { createStore } from "../engine/store/store.ts";
import { isOf, named } from "../graph/names.ts";
import { intTensor, type FloatTensor, type HostTensor } from "../tensor/host-tensor.ts";
import { flatten, type Flat } from "../tensor/tree.ts";
import { configHash, restoreTree, STATE_FORMAT, weightsHash } from "../model/checkpoint.ts";
import { decodeSafetensors, encodeSafetensors, metadataCount } from "../tensor/safetensors.ts";
import type { LoadedModel } from "../model/transformer.ts";
import { createQueue } from "../base/queue.ts";
import type { Output } from "./programs.ts";
import { blockSizeOf, createPrograms } from "./session-programs.ts";

/** A session file that does not fit the model, or tokens that a session cannot take. */
export class SessionError extends InfiniError {
  override name = "SessionError";
  readonly code = "ERR_SESSION";
}

/** The tokens of one lane, or of each lane; lanes are of equal length. */
export type LaneTokens = Int32Array | readonly Int32Array[];

/** A state of a session in the memory of the host, for {@link Session.restore} and for `lookInside` to begin from. */
export interface Snapshot {
  readonly loaded: LoadedModel;
  readonly batch: number;
  /** Tokens read up to it. */
  readonly position: number;
  readonly state: Flat<HostTensor>;
  readonly segment: Flat<HostTensor>;
}

/**
 * A model that reads a stream. What it keeps has the same size after any number of tokens. What it is asked for it does one after the
 * other, in the order of the calls, but for `prepare`, which goes on beside it.
 */
export interface Session {
  readonly loaded: LoadedModel;
  readonly batch: number;
  /** Tokens read so far, in each lane. */
  readonly position: number;
  /** Bytes of all that is kept between calls. */
  readonly stateBytes: number;

  /**
   * Compiles what the first tokens of a stream would else wait for: `state` is what {@link Session.read} takes, `losses`
   * {@link Session.score}, `allLogits` {@link Session.logits}, and `logits` the end of {@link Session.prefill}. Default: `state`.
   * The program of a single token is compiled when the first one comes.
   */
  prepare(...outputs: Output[]): Promise<void>;
  /**
   * Reads any number of tokens.
   *
   * @param onProgress Called with the tokens read of this call, now and then.
   * @throws {SessionError} for no tokens, tokens outside the vocabulary or lanes of different lengths.
   */
  read(tokens: LaneTokens, onProgress?: (done: number) => void): Promise<void>;
  /** As {@link Session.read}, and gives the logits [B * V] of the token that comes next, for which the last block takes longer. */
  prefill(tokens: LaneTokens, onProgress?: (done: number) => void): Promise<Float32Array>;
  /** Reads one token of each lane and returns the logits [B * V] of the next. */
  step(tokens: number | readonly number[]): Promise<Float32Array>;
  /**
   * Reads `tokens` and returns the logits [B * T * V] of what comes after each; lane after lane. They take much
   * memory, 4 bytes each: give a long text in pieces. A piece that ends where a segment does is read the fastest.
   */
  logits(tokens: LaneTokens): Promise<Float32Array>;
  /** Reads `tokens` and returns the cross-entropy in nats of each of `targets`, the tokens one later; lane after lane. */
  score(tokens: LaneTokens, targets: LaneTokens): Promise<Float32Array>;

  /** The state as a safetensors file. */
  save(): Promise<Uint8Array>;
  /** Goes on from a saved state. Throws {@link SessionError} or SafetensorsError, and stays as it was, when it does not fit. */
  load(bytes: Uint8Array, source: string): Promise<void>;
  /**
   * The state as it is now. It costs no more to keep than a state, and nothing to take: only from a device with a memory of its
   * own is it copied.
   */
  snapshot(): Promise<Snapshot>;
  /** Goes on from a snapshot. Throws {@link SessionError} for one of another model or another number of lanes. */
  restore(snapshot: Snapshot): Promise<void>;
  /** Forgets everything. */
  reset(): Promise<void>;
  /** Ends a reading at the block that it is at, which then throws {@link SessionError}, and frees everything. */
  dispose(): Promise<void>;
}

export interface SessionOptions {
  readonly loaded: LoadedModel;
  readonly engine: Engine;
  /** Lanes that are read side by side. Default 1. */
  readonly batch?: number;
  /**
   * Tokens of each lane that one run takes where there are that many; rounded to segments, of which it is one at least.
   * Default: over all lanes 512, in narrow models more, so that what a run computes on stays in the caches of a CPU.
   * On the host the programs that read, score and step have the weights in them: each takes as much memory as these.
   */
  readonly blockLength?: number;
}

/** A session that has read nothing. */
export function createSession({ loaded, engine, batch = 1, blockLength }: SessionOptions): Session {
  const { model, params } = loaded;
  const { segmentLength: N, vocabularySize } = model.config;
  const blockSize = blockSizeOf(model.config, batch, blockLength);
  const emptyState = named<HostTensor>("state", model.initialState(batch));
  const emptySegment = named<HostTensor>("segment", model.emptySegment(batch));
  const store = createStore(engine, { ...named<FloatTensor>("params", params), ...emptyState, ...emptySegment });
  const programs = createPrograms(loaded, store, batch);

  /** What a saved state must agree with. Computed when it is asked for: it goes through all weights. */
  const fingerprint = (): { kind: string; format: string; config: string; weights: string } => ({
    kind: "session",
    format: STATE_FORMAT,
    config: configHash(model.config),
    weights: weightsHash(params),
  });

  const inEachLane = (value: number): HostTensor => intTensor([batch], new Int32Array(batch).fill(value));
  const nowhere = intTensor([batch], new Int32Array(batch)); // no lane starts a sequence
  const queue = createQueue();
  let position = 0;
  /** Whether the open segment is full, and not yet in the memory: where that failed it is tried again. */
  let isFull = false;
  let disposed = false;

  function inTurn<T>(task: () => Promise<T>): Promise<T> {
    return queue(async () => {
      if (isFull) await commit();
      return task();
    });
  }

  function goOnFrom(values: Flat<HostTensor>, at: number): void {
    store.write(values);
    [position, isFull] = [at, false];
  }

  async function readBlock(
    lanes: readonly Int32Array[],
    targets: readonly Int32Array[] | undefined,
    output: Output,
  ): Promise<Float32Array> {
    const run = await programs.block(lanes[0]?.length ?? 0, output);
    const results = await run.run({ startOfSequence: nowhere, ...laneFeeds(lanes, targets) });
    store.keep();
    position += lanes[0]?.length ?? 0;
    return resultOf(results, output);
  }

  async function readChunk(
    lanes: readonly Int32Array[],
    targets: readonly Int32Array[] | undefined,
    output: Output,
  ): Promise<Float32Array> {
    const length = lanes[0]?.length ?? 0;
    const size = length === 1 ? 1 : N;
    const run = await programs.chunk(size, output);
    const place = {
      offset: inEachLane(position % N),
      length: inEachLane(length),
      last: inEachLane(length - 1),
    };
    const padded = laneFeeds(
      lanes.map((lane) => padTo(lane, size)),
      targets?.map((lane) => padTo(lane, size)),
    );
    const results = await run.run({ ...place, ...padded });
    store.keep();
    position += length;
    isFull = position % N === 0;
    if (isFull) await commit();
    const result = resultOf(results, output);
    const width = result.length / batch;
    return output === "losses" || output === "allLogits" ? trimRows(result, width, (width / size) * length) : result;
  }

  async function commit(): Promise<void> {
    const run = await programs.commit();
    await run?.run({ isFull: inEachLane(1) });
    if (run) store.keep();
    isFull = false;
  }

  async function readAll(
    tokens: LaneTokens,
    wanted: Output,
    { targets, onProgress }: { targets?: LaneTokens; onProgress?: ((done: number) => void) | undefined } = {},
  ): Promise<Float32Array[]> {
    const lanes = checkLanes(tokens, batch, vocabularySize);
    const goals = targets && checkLanes(targets, batch, vocabularySize);
    const total = lanes[0]?.length ?? 0;
    const targetCount = goals?.[0]?.length ?? total;
    if (targetCount !== total) throw new SessionError(`there are ${targetCount} targets for ${total} tokens`);
    return inTurn(() => readLanes(lanes, goals, wanted, onProgress));
  }

  async function readLanes(
    lanes: readonly Int32Array[],
    goals: readonly Int32Array[] | undefined,
    wanted: Output,
    onProgress: ((done: number) => void) | undefined,
  ): Promise<Float32Array[]> {
    const total = lanes[0]?.length ?? 0;
    const results: Float32Array[] = [];
    for (let done = 0; done < total;) {
      if (disposed) throw new SessionError("the session has been disposed of");
      const aligned = position % N === 0 ? wholeBlocks(total - done, N, blockSize) : 0;
      const length = aligned || Math.min(total - done, N - (position % N));
      const cut = (lane: Int32Array): Int32Array => lane.subarray(done, done + length);
      const output = wanted === "logits" && done + length < total ? "state" : wanted;
      const result = await (aligned ? readBlock : readChunk)(lanes.map(cut), goals?.map(cut), output);
      if (output !== "state") results.push(result);
      done += length;
      onProgress?.(done);
    }
    return results;
  }

  return {
    loaded,
    batch,
    get position() {
      return position;
    },
    stateBytes: [...Object.values(emptyState), ...Object.values(emptySegment)].reduce(
      (sum, { data }) => sum + data.byteLength,
      0,
    ),
    prepare: (...outputs) => programs.prepare(blockSize, outputs.length > 0 ? outputs : ["state"]),
    async read(tokens, onProgress) {
      await readAll(tokens, "state", { onProgress });
    },
    async prefill(tokens, onProgress) {
      const [logits] = await readAll(tokens, "logits", { onProgress });
      return logits ?? new Float32Array();
    },
    async step(tokens) {
      const each = typeof tokens === "number" ? [tokens] : tokens;
      const [logits] = await readAll(
        each.map((token) => Int32Array.of(token)),
        "logits",
      );
      return logits ?? new Float32Array();
    },
    logits: async (tokens) => joinRows(await readAll(tokens, "allLogits"), batch),
    score: async (tokens, targets) => joinRows(await readAll(tokens, "losses", { targets }), batch),
    save: () =>
      inTurn(async () => {
        const metadata = { ...fingerprint(), position: String(position) };
        return encodeSafetensors(await store.read(isCarried), metadata);
      }),
    load: (bytes, source) =>
      queue(async () => {
        const file = decodeSafetensors(bytes, source);
        const { tensors, metadata } = file;
        if (metadata.kind !== "session") throw new SessionError(`${source}: is not a saved session`);
        if (metadata.format !== STATE_FORMAT) throw new SessionError(`${source}: was saved by another version`);
        const { config, weights: saved } = fingerprint();
        if (metadata.config !== config) throw new SessionError(`${source}: was saved by another model`);
        if (metadata.weights !== saved) throw new SessionError(`${source}: was saved by a model with other weights`);
        const savedPosition = metadataCount(file, "position");
        if (savedPosition === undefined) throw new SessionError(`${source}: has no position`);
        const restored = restoreTree({ state: nest(emptyState), segment: nest(emptySegment) }, tensors, source);
        goOnFrom(flatten<HostTensor>(restored), savedPosition);
      }),
    snapshot: () =>
      inTurn(async () => {
        const tensors = Object.entries(await store.hold(isCarried));
        const those = (wanted: (name: string) => boolean): Flat<HostTensor> =>
          Object.fromEntries(tensors.filter(([name]) => wanted(name)));
        return { loaded, batch, position, state: those(isState), segment: those(isSegment) };
      }),
    restore: (snapshot) =>
      queue(async () => {
        if (snapshot.loaded !== loaded) throw new SessionError("the snapshot is of another model");
        if (snapshot.batch !== batch)
          throw new SessionError(`the session has ${batch} lanes, the snapshot has ${snapshot.batch}`);
        goOnFrom({ ...snapshot.state, ...snapshot.segment }, snapshot.position);
      }),
    reset: () => queue(async () => goOnFrom({ ...emptyState, ...emptySegment }, 0)),
    dispose() {
      disposed = true;
      return queue(async () => {
        await store.dispose();
        await programs.dispose();
      });
    },
  };
}

/** The tokens of each of `batch` lanes. Throws {@link SessionError} for tokens that a session cannot take. */
export function checkLanes(tokens: LaneTokens, batch: number, vocabularySize: number): readonly Int32Array[] {
  const lanes = tokens instanceof Int32Array ? [tokens] : tokens;
  if (lanes.length !== batch) throw new SessionError(`the session has ${batch} lanes, got tokens for ${lanes.length}`);
  const length = lanes[0]?.length ?? 0;
  if (length === 0) throw new SessionError("there are no tokens to read");
  for (const lane of lanes) {
    if (lane.length !== length) throw new SessionError(`lanes differ in length: ${length} and ${lane.length} tokens`);
    const wrong = lane.find((token) => token < 0 || token >= vocabularySize);
    if (wrong !== undefined) throw new SessionError(`token ${wrong} is not in the vocabulary of ${vocabularySize}`);
  }
  return lanes;
}

/** The tokens, and zeros up to a size. */
export function padTo(lane: Int32Array, size: number): Int32Array {
  if (lane.length === size) return lane;
  const padded = new Int32Array(size);
  padded.set(lane);
  return padded;
}

/** The numbers of a result. Throws {@link SessionError} when there is none. */
export function dataOf(results: Flat<HostTensor>, name: string): Float32Array {
  const data = results[name]?.data;
  if (!(data instanceof Float32Array)) throw new SessionError(`the program gave no ${name}`);
  return data;
}

// --- internal ---

/** Tokens of the next run of whole segments: a full block, or single segments where fewer are left. */
function wholeBlocks(left: number, N: number, blockSize: number): number {
  if (left >= blockSize) return blockSize;
  return left >= N ? N : 0;
}

const isState = isOf("state");
const isSegment = isOf("segment");
const isCarried = (name: string): boolean => isState(name) || isSegment(name);

function laneFeeds(lanes: readonly Int32Array[], targets: readonly Int32Array[] | undefined): Flat<HostTensor> {
  const stack = (rows: readonly Int32Array[]): HostTensor => {
    const length = rows[0]?.length ?? 0;
    const data = new Int32Array(rows.length * length);
    rows.forEach((row, i) => data.set(row, i * length));
    return intTensor([rows.length, length], data);
  };
  return { tokens: stack(lanes), ...(targets && { targets: stack(targets) }) };
}

function resultOf(results: Flat<HostTensor>, output: Output): Float32Array {
  return output === "state" ? new Float32Array() : dataOf(results, output);
}

/** The first `kept` of every `width` elements. */
function trimRows(data: Float32Array, width: number, kept: number): Float32Array {
  if (width === kept) return data;
  const rows = data.length / width;
  const trimmed = new Float32Array(rows * kept);
  for (let row = 0; row < rows; row++) trimmed.set(data.subarray(row * width, row * width + kept), row * kept);
  return trimmed;
}

/** Parts of [B, t] each, side by side: [B, sum of t]; so too with logits [B, t, V]. */
function joinRows(parts: readonly Float32Array[], batch: number): Float32Array {
  const total = parts.reduce((sum, part) => sum + part.length, 0) / batch;
  const joined = new Float32Array(batch * total);
  let start = 0;
  for (const part of parts) {
    const width = part.length / batch;
    for (let lane = 0; lane < batch; lane++)
      joined.set(part.subarray(lane * width, (lane + 1) * width), lane * total + start);
    start += width;
  }
  return joined;
}

/** Names without their first part. */
function nest(flat: Flat<HostTensor>): Flat<HostTensor> {
  return Object.fromEntries(Object.entries(flat).map(([name, value]) => [name.slice(name.indexOf(".") + 1), value]));
}
