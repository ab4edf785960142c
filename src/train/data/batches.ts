import type { Batches, BatchOptions } from "./batch.ts";
import { documentLanes } from "./document-lanes.ts";
import { readsDocuments } from "./mixture.ts";
import { independentSequences } from "./sequences.ts";

/** The batches of a mixture. Throws CorpusError when it reads text and there is too little of it. */
export function createBatches(options: BatchOptions): Batches {
  return readsDocuments(options.mixture) ? documentLanes(options) : independentSequences(options);
}
