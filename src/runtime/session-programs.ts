import type { Program } from "../engine/engine.ts";
import { createProgramCache } from "../engine/program-cache.ts";
import type { Store } from "../engine/store/store.ts";
import type { Graph } from "../graph/graph.ts";
import { isOf } from "../graph/names.ts";
import type { ModelConfig } from "../model/config.ts";
import type { LoadedModel } from "../model/transformer.ts";
import { chunkProgram, commitProgram, segmentsProgram, type Output } from "./programs.ts";

/** The programs of a session, each compiled when it is first asked for. */
export interface SessionPrograms {
  /** Whole segments: `length` tokens of each lane. */
  block(length: number, output: Output): Promise<Program>;
  /** Up to `size` tokens inside one segment. */
  chunk(size: number, output: Output): Promise<Program>;
  /** The end of a segment; nothing in models that write every token to memory at once. */
  commit(): Promise<Program | undefined>;
  /** Compiles blocks of `blockSize` and of one segment, parts of a segment of more than one token, and its end. */
  prepare(blockSize: number, outputs: readonly Output[]): Promise<void>;
  /** Releases all, and compiles no more. */
  dispose(): Promise<void>;
}

/**
 * Tokens of each lane that a run takes where there are that many: whole segments, one at least. Default: over all lanes 512, in
 * narrow models more, so that what a run computes on stays in the caches of a CPU.
 */
export function blockSizeOf(
  { segmentLength, modelDim }: Pick<ModelConfig, "segmentLength" | "modelDim">,
  batch: number,
  blockLength = Math.max(BLOCK_TOKENS, BLOCK_NUMBERS / modelDim) / batch,
): number {
  return Math.max(1, Math.floor(blockLength / segmentLength)) * segmentLength;
}

/** @param store Has the weights under `params.*`; what is run often gets them fixed. */
export function createPrograms(loaded: LoadedModel, store: Store, batch: number): SessionPrograms {
  const N = loaded.model.config.segmentLength;
  const compiled = createProgramCache<Program>("the session");
  const program = (name: string, build: () => Graph, isOften = false): Promise<Program> =>
    compiled.get(name, () => store.compile(build(), isOften ? isWeight : undefined));
  let end: Graph | undefined;
  const programs: SessionPrograms = {
    block: (length, output) =>
      program(
        `${output} of ${length}`,
        () => segmentsProgram(loaded, batch, length, output),
        output === "state" || output === "losses",
      ),
    chunk: (size, output) =>
      program(`${output} in ${size}`, () => chunkProgram(loaded, batch, size, output), size === 1),
    async commit() {
      const graph = (end ??= commitProgram(loaded, batch));
      return Object.keys(graph.outputs).length > 0 ? program("commit", () => graph) : undefined;
    },
    async prepare(blockSize, outputs) {
      for (const output of outputs) {
        await programs.chunk(N, output);
        await programs.block(blockSize, output);
        await programs.block(N, output);
      }
      await programs.commit();
    },
    dispose: () => compiled.dispose(),
  };
  return programs;
}

// --- internal ---

const isWeight = isOf("params");

const BLOCK_TOKENS = 512;
/** Tokens times features. */
const BLOCK_NUMBERS = 1 << 17;
