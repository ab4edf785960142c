import { createQueue } from "../base/queue.ts";
import type { Engine, Program } from "../engine/engine.ts";
import { createStore, type Prepared, type SharedValues } from "../engine/store/store.ts";
import { isOf, named } from "../graph/names.ts";
import { restoreTree } from "../model/checkpoint.ts";
import { modelId } from "../model/identity.ts";
import type { StoredModel } from "../model/transformer.ts";
import { intTensor, sizeOf, type HostTensor } from "../tensor/host-tensor.ts";
import type { Flat } from "../tensor/tree.ts";
import { decodeStates, encodeStates, type LaneState } from "./lane-state.ts";
import { checkTokens, dataOf, joinParts, padTo, SessionError, singleToken, stackLanes } from "./lane-tokens.ts";
import type { Output } from "./programs.ts";
import { blockSizeOf, chunkSizes, isLargeModel, type RuntimePrograms } from "./runtime-programs.ts";

/** A state of all lanes in the memory of the host. */
export interface Snapshot {
  readonly loaded: StoredModel;
  readonly batch: number;
  /** Tokens that each lane has read up to it. */
  readonly positions: readonly number[];
  readonly state: Flat<HostTensor>;
  readonly segment: Flat<HostTensor>;
}

export interface ReadOptions {
  /** The token after each of those that are read, for `losses`. */
  readonly targets?: readonly Int32Array[] | undefined;
  /** Called now and then with the tokens read in this call, in the lane that has the most. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

/**
 * Texts that are read side by side, each at its own place. Calls run one at a time, in order.
 */
export interface Lanes {
  readonly loaded: StoredModel;
  /** Number of lanes. */
  readonly batch: number;
  /** Tokens that each lane has read so far. */
  readonly positions: readonly number[];
  /** Bytes of everything kept between calls. */
  readonly stateBytes: number;

  /**
   * Compiles in advance what the first tokens would wait for, for these outputs, by default `state`; not for single
   * tokens.
   */
  prepare(...outputs: Output[]): Promise<void>;
  /**
   * Reads any number of tokens of each lane; lanes without any do not change. Returns for each lane, by `output`:
   * nothing for `state`, the logits [V] after its last token for `logits`, those after each token [n * V] for `allLogits`, and the
   * cross-entropy of each target in nats [n] for `losses`.
   *
   * @throws {SessionError} for tokens outside the vocabulary, or fewer or more targets than tokens.
   */
  read(tokens: readonly Int32Array[], output?: Output, options?: ReadOptions): Promise<Float32Array[]>;
  /** Reads one token of each lane, or none, and returns the logits [V] of the next. */
  step(tokens: readonly (number | undefined)[]): Promise<Float32Array[]>;

  /**
   * The current state. It takes no more memory than a state, and no time: it is copied only from a device with its own
   * memory.
   */
  snapshot(): Promise<Snapshot>;
  /**
   * Continues from a snapshot. Throws {@link SessionError} for one from another model or with another number of lanes.
   */
  restore(snapshot: Snapshot): Promise<void>;
  /** A copy of what one lane keeps. */
  extract(lane: number): Promise<LaneState>;
  /**
   * Makes a lane continue from a copy of what another kept. Throws {@link SessionError} for one of another model.
   */
  insert(lane: number, from: LaneState): Promise<void>;
  /** Makes these lanes forget everything; by default all. */
  clear(lanes?: readonly number[]): Promise<void>;
  /** The state of all lanes as a safetensors file. */
  save(): Promise<Uint8Array>;
  /**
   * Continues from a saved state. Throws {@link SessionError} or SafetensorsError, and does not change, when it does
   * not fit.
   */
  load(bytes: Uint8Array, source: string): Promise<void>;
  /** Stops any reading after its current run, which then throws {@link SessionError}, and frees everything. */
  dispose(): Promise<void>;
}

export interface LanesOptions {
  /** Default 1. */
  readonly batch?: number;
  /**
   * Tokens of each lane that one run takes when there are that many, rounded to segments, at least one. Default: 512
   * over all lanes, more in narrow models, so that the working set of a run stays in the caches of a CPU.
   */
  readonly blockLength?: number;
}

/** What lanes run in. */
export interface RuntimeParts {
  readonly loaded: StoredModel;
  readonly engine: Engine;
  readonly weights: SharedValues;
  readonly programs: RuntimePrograms;
}

/** Lanes of a runtime that have read nothing. */
export function createLanes(runtime: RuntimeParts, { batch = 1, blockLength }: LanesOptions = {}): Lanes {
  const { loaded, programs } = runtime;
  const { model } = loaded;
  const { segmentLength: N, vocabularySize } = model.config;
  // One segment is enough for the speed of a large model, and more would take more memory.
  const blockSize = blockSizeOf(model.config, batch, blockLength ?? (isLargeModel(loaded) ? N : undefined));
  const sizes = chunkSizes(model.config);
  const empty = emptyValues(loaded, batch);
  const store = createStore(runtime.engine, empty, runtime.weights);
  const runs = new Map<Prepared, Pick<Program, "run">>();
  const queue = createQueue();
  const positions = Array.from({ length: batch }, () => 0);
  /** Lanes whose open segment is full and not yet in the memory: a failed commit is tried again. */
  let full: number[] = [];
  let disposed = false;

  function inTurn<T>(task: () => Promise<T>): Promise<T> {
    return queue(async () => {
      await commit();
      return task();
    });
  }

  async function run(prepared: Prepared, feeds: Flat<HostTensor>): Promise<Flat<HostTensor>> {
    const bound = runs.get(prepared) ?? store.bind(prepared);
    runs.set(prepared, bound);
    const results = await bound.run(feeds);
    store.keep();
    return results;
  }

  async function commit(): Promise<void> {
    if (full.length === 0) return;
    const isAll = full.length === batch;
    const program = await programs.commit(store, batch, isAll ? "all" : "some");
    const isFull = positions.map((_, lane) => (full.includes(lane) ? 1 : 0));
    if (program) await run(program, { isFull: laneNumbers(isFull) });
    if (isAll) store.clear(isSegment);
    full = [];
  }

  /** Whole segments of every lane, all of which stand where a segment begins. */
  async function readBlock({ tokens, targets }: Part, output: Output): Promise<Flat<HostTensor>> {
    const length = tokens[0]?.length ?? 0;
    const program = await programs.block(store, batch, length, output);
    const startOfSequence = laneNumbers(positions.map(() => 0));
    const fed = { tokens: stackLanes(tokens), ...(targets && { targets: stackLanes(targets) }) };
    const results = await run(program, { startOfSequence, ...fed });
    positions.forEach((position, lane) => (positions[lane] = position + length));
    return results;
  }

  /** Part of the segment of each lane. */
  async function readChunk({ tokens, targets }: Part, rows: number, output: Output): Promise<Flat<HostTensor>> {
    const program = await programs.chunk(store, batch, rows, output);
    const place = {
      offset: laneNumbers(positions.map((position) => position % N)),
      length: laneNumbers(tokens.map(({ length }) => length)),
      last: laneNumbers(tokens.map(({ length }) => Math.max(0, length - 1))),
    };
    const padded = (lanes: readonly Int32Array[]): HostTensor => stackLanes(lanes.map((lane) => padTo(lane, rows)));
    const fed = { tokens: padded(tokens), ...(targets && { targets: padded(targets) }) };
    const results = await run(program, { ...place, ...fed });
    positions.forEach((position, lane) => {
      const read = tokens[lane]?.length ?? 0;
      positions[lane] = position + read;
      if (read > 0 && (position + read) % N === 0) full.push(lane);
    });
    await commit();
    return results;
  }

  async function readAll(whole: Part, wanted: Output, onProgress: ReadOptions["onProgress"]): Promise<Float32Array[]> {
    const done = whole.tokens.map(() => 0);
    const parts: Float32Array[][] = done.map(() => []);
    for (;;) {
      const left = whole.tokens.map(({ length }, lane) => length - (done[lane] ?? 0));
      if (left.every((tokens) => tokens === 0)) return parts.map(joinParts);
      if (disposed) throw new SessionError("the session has been disposed of");
      const blocks = positions.every((position) => position % N === 0)
        ? wholeBlocks(Math.min(...left), N, blockSize)
        : 0;
      const lengths = left.map((tokens, lane) => blocks || Math.min(tokens, N - ((positions[lane] ?? 0) % N)));
      const ends = left.map((tokens, lane) => tokens > 0 && tokens === lengths[lane]);
      const output = wanted === "logits" && !ends.includes(true) ? "state" : wanted;
      const part = cut(whole, done, lengths);
      const rows = blocks || (sizes.find((size) => size >= Math.max(...lengths)) ?? N);
      const results = await (blocks ? readBlock(part, output) : readChunk(part, rows, output));
      lengths.forEach((length, lane) => (done[lane] = (done[lane] ?? 0) + length));
      if (output !== "state") {
        const data = dataOf(results, output);
        const width = data.length / batch;
        for (const [lane, length] of lengths.entries()) {
          const isWanted = output === "logits" ? ends[lane] : length > 0;
          const kept = output === "logits" ? width : (width / rows) * length;
          if (isWanted) parts[lane]?.push(data.subarray(lane * width, lane * width + kept));
        }
      }
      onProgress?.(Math.max(...done));
    }
  }

  function moveTo(at: readonly number[]): void {
    at.forEach((position, lane) => (positions[lane] = position));
    full = [];
  }

  function checkLane(lane: number): void {
    if (!(Number.isInteger(lane) && lane >= 0 && lane < batch))
      throw new SessionError(`there is no lane ${lane} of ${batch}`);
  }

  async function writeLane(lane: number, values: Flat<HostTensor>, position: number): Promise<void> {
    await store.writeLane(lane, values);
    positions[lane] = position;
    full = full.filter((other) => other !== lane);
  }

  return {
    loaded,
    batch,
    get positions() {
      return [...positions];
    },
    stateBytes: Object.values(empty).reduce((sum, { data }) => sum + data.byteLength, 0),
    async prepare(...outputs) {
      for (const output of outputs.length > 0 ? outputs : (["state"] as const)) {
        for (const rows of sizes) if (rows > 1) await programs.chunk(store, batch, rows, output);
        for (const length of new Set([blockSize, N])) await programs.block(store, batch, length, output);
      }
      await programs.commit(store, batch, "all");
    },
    async read(tokens, output = "state", { targets, onProgress } = {}) {
      const copied = (lanes: readonly Int32Array[]): Int32Array[] =>
        checkTokens(lanes, batch, vocabularySize).map((lane) => lane.slice()); // the caller may reuse its arrays
      const whole = { tokens: copied(tokens), targets: targets && copied(targets) };
      checkTargets(whole);
      return inTurn(() => readAll(whole, output, onProgress));
    },
    async step(tokens) {
      const lanes = tokens.map((token) => (token === undefined ? new Int32Array() : singleToken(token)));
      checkTokens(lanes, batch, vocabularySize);
      return inTurn(() => readAll({ tokens: lanes, targets: undefined }, "logits", undefined));
    },
    snapshot: () =>
      inTurn(async () => {
        const held = await store.hold();
        return { loaded, batch, positions: [...positions], state: only(isState, held), segment: only(isSegment, held) };
      }),
    restore: (snapshot) =>
      queue(async () => {
        if (snapshot.loaded !== loaded) throw new SessionError("the snapshot is from another model");
        if (snapshot.batch !== batch)
          throw new SessionError(`the session has ${batch} lanes, the snapshot has ${snapshot.batch}`);
        store.write({ ...snapshot.state, ...snapshot.segment });
        moveTo(snapshot.positions);
      }),
    extract: (lane) =>
      inTurn(async () => {
        checkLane(lane);
        const values = laneOf(await store.read(), lane);
        const id = await modelId(loaded);
        const [state, segment] = [only(isState, values), only(isSegment, values)];
        return { modelId: id, position: positions[lane] ?? 0, state, segment };
      }),
    insert: (lane, { modelId: id, position, state, segment }) =>
      queue(async () => {
        checkLane(lane);
        if (id !== (await modelId(loaded))) throw new SessionError("the state is from another model");
        const values = restoreTree<Flat<HostTensor>>(laneOf(empty, 0), { ...state, ...segment }, "the state");
        await writeLane(lane, values, position);
      }),
    clear: (lanes = positions.map((_, lane) => lane)) =>
      queue(async () => {
        lanes.forEach(checkLane);
        if (new Set(lanes).size === batch) {
          store.write(empty);
          moveTo(positions.map(() => 0));
        } else for (const lane of lanes) await writeLane(lane, laneOf(empty, lane), 0);
      }),
    save: () =>
      inTurn(async () => {
        const id = await modelId(loaded);
        return encodeStates("session", { modelId: id, positions, values: await store.read() });
      }),
    load: (bytes, source) =>
      queue(async () => {
        const saved = decodeStates("session", bytes, source);
        if (saved.modelId !== (await modelId(loaded))) throw new SessionError(`${source}: was saved by another model`);
        store.write(restoreTree<Flat<HostTensor>>(empty, saved.values, source));
        moveTo(saved.positions);
      }),
    dispose() {
      disposed = true;
      return queue(() => store.dispose());
    },
  };
}

// --- internal ---

const [isState, isSegment] = [isOf("state"), isOf("segment")];

/** Tokens of each lane, and what to predict from them. */
interface Part {
  readonly tokens: readonly Int32Array[];
  readonly targets: readonly Int32Array[] | undefined;
}

function emptyValues({ model }: StoredModel, batch: number): Flat<HostTensor> {
  return {
    ...named<HostTensor>("state", model.initialState(batch)),
    ...named<HostTensor>("segment", model.emptySegment(batch)),
  };
}

/** Tokens of the next run of whole segments: a full block, or single segments where fewer are left. */
function wholeBlocks(left: number, N: number, blockSize: number): number {
  if (left >= blockSize) return blockSize;
  return left >= N ? N : 0;
}

/** The next `lengths` tokens of each lane from `done` on. */
function cut({ tokens, targets }: Part, done: readonly number[], lengths: readonly number[]): Part {
  const of = (lanes: readonly Int32Array[]): Int32Array[] =>
    lanes.map((lane, i) => lane.subarray(done[i], (done[i] ?? 0) + (lengths[i] ?? 0)));
  return { tokens: of(tokens), targets: targets && of(targets) };
}

function checkTargets({ tokens, targets }: Part): void {
  for (const [lane, { length }] of tokens.entries()) {
    const count = targets?.[lane]?.length ?? length;
    if (count !== length) throw new SessionError(`there are ${count} targets for ${length} tokens`);
  }
}

function laneNumbers(values: readonly number[]): HostTensor {
  return intTensor([values.length], Int32Array.from(values));
}

/** A copy of one lane of values [B, ..] as [1, ..]. */
function laneOf(values: Flat<HostTensor>, lane: number): Flat<HostTensor> {
  const entries = Object.entries(values).map(([name, { shape, data, ...rest }]) => {
    const own = [1, ...shape.slice(1)];
    const width = sizeOf(own);
    return [name, { ...rest, shape: own, data: data.slice(lane * width, (lane + 1) * width) }] as const;
  });
  return Object.fromEntries(entries);
}

function only(wanted: (name: string) => boolean, values: Flat<HostTensor>): Flat<HostTensor> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => wanted(name)));
}
