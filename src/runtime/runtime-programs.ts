import { createProgramCache } from "../engine/program-cache.ts";
import type { Prepared, Store } from "../engine/store/store.ts";
import type { Graph } from "../graph/graph.ts";
import { isOf } from "../graph/names.ts";
import type { HostTensor } from "../tensor/host-tensor.ts";
import { flatten } from "../tensor/tree.ts";
import type { ModelConfig } from "../model/config.ts";
import type { StoredModel } from "../model/transformer.ts";
import { chunkProgram, commitProgram, commitSomeProgram, segmentsProgram, type Output } from "./programs.ts";

/**
 * The programs of a model, each compiled when first requested and then used by all lanes. A store with the same number
 * of lanes says which values they find there.
 */
export interface RuntimePrograms {
  /** Whole segments: `length` tokens of each of `batch` lanes. */
  block(store: Store, batch: number, length: number, output: Output): Promise<Prepared>;
  /** Up to `rows` tokens inside one segment of each lane. */
  chunk(store: Store, batch: number, rows: number, output: Output): Promise<Prepared>;
  /** The end of segments of all lanes or of some; nothing in models that write every token to memory at once. */
  commit(store: Store, batch: number, lanes: "all" | "some"): Promise<Prepared | undefined>;
  /** Releases all of them, and compiles no more. */
  dispose(): Promise<void>;
}

/**
 * Tokens of each lane that a run takes when there are that many: whole segments, at least one. Default: 512 over all
 * lanes, more in narrow models, so that the working set of a run stays in the caches of a CPU.
 */
export function blockSizeOf(
  { segmentLength, modelDim }: Pick<ModelConfig, "segmentLength" | "modelDim">,
  batch: number,
  blockLength = Math.max(BLOCK_TOKENS, BLOCK_NUMBERS / modelDim) / batch,
): number {
  return Math.max(1, Math.floor(blockLength / segmentLength)) * segmentLength;
}

/** Whether memory matters more than the last tenths of speed, see {@link FIXED_BYTES}. */
export function isLargeModel({ params }: StoredModel): boolean {
  const leaves = Object.values(flatten<HostTensor>(params));
  return leaves.reduce((sum, { data }) => sum + data.byteLength, 0) > FIXED_BYTES;
}

/** Tokens that the programs for part of a segment take: a request runs in the smallest that fits it. */
export function chunkSizes({ segmentLength: N }: Pick<ModelConfig, "segmentLength">): readonly number[] {
  return [...CHUNK_ROWS.filter((rows) => rows < N), N];
}

export function createPrograms(loaded: StoredModel): RuntimePrograms {
  const isLarge = isLargeModel(loaded);
  const compiled = createProgramCache<Prepared>("the runtime");
  const ends = new Map<string, Graph>();
  const program = (name: string, store: Store, build: () => Graph, isOften = false): Promise<Prepared> =>
    compiled.get(name, () =>
      store.prepare(build(), { ...(isOften && !isLarge && { isFixed: isOf("params") }), sparing: isLarge }),
    );
  return {
    block: (store, batch, length, output) =>
      program(
        `${output} of ${length} tokens in ${batch} lanes`,
        store,
        () => segmentsProgram(loaded, batch, length, output),
        output === "state" || output === "losses",
      ),
    chunk: (store, batch, rows, output) =>
      program(
        `${output} in ${rows} rows of ${batch} lanes`,
        store,
        () => chunkProgram(loaded, batch, rows, output),
        rows === 1,
      ),
    async commit(store, batch, lanes) {
      const name = `the end of segments of ${lanes} of ${batch} lanes`;
      const graph = ends.get(name) ?? (lanes === "all" ? commitProgram : commitSomeProgram)(loaded, batch);
      ends.set(name, graph);
      return Object.keys(graph.outputs).length > 0 ? program(name, store, () => graph) : undefined;
    },
    dispose: () => compiled.dispose(),
  };
}

// --- internal ---

/**
 * Weights up to this many bytes become constants of the programs that run often: ONNX Runtime rearranges them once, and
 * a token of a small model takes two thirds of the time. Each such program holds a copy or two of them, and they go
 * through protobuf; so larger ones are fed at each run, from one place, at the cost of a fifth of a token's time at 135
 * M weights and nothing for 64 tokens or more (docs/log.md).
 */
const FIXED_BYTES = 1 << 27;

const CHUNK_ROWS = [1, 16, 128];
const BLOCK_TOKENS = 512;
/** Tokens times features. */
const BLOCK_NUMBERS = 1 << 17;
