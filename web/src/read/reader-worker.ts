import { expose } from "comlink";
import type { WebDevice } from "infini-transformer/web";
import { openModel, type ModelSource } from "../engine/open-model.ts";
import { createReader, type ModelFacts, type Reader, type ReadOptions, type ReadProgress } from "./reader.ts";

/** What the page can ask of the worker. */
export interface ReaderWorker {
  open(model: ModelSource, device: WebDevice | undefined): Promise<ModelFacts>;
  read(options: ReadOptions, onProgress: (progress: ReadProgress) => void): Promise<ReadProgress>;
  stop(): void;
  ask(): Promise<string>;
  save(): Promise<Uint8Array>;
  /** Returns the tokens that the saved session had read. */
  load(bytes: Uint8Array, source: string): Promise<number>;
  reset(): Promise<void>;
}

let reader: Reader | undefined;

function opened(): Reader {
  if (!reader) throw new Error("no model is open yet");
  return reader;
}

const api: ReaderWorker = {
  async open(model, device) {
    const { loaded, engine } = await openModel(model, device);
    reader = createReader(loaded, engine);
    return reader.facts;
  },
  read: (options, onProgress) => opened().read(options, onProgress),
  stop: () => opened().stop(),
  ask: () => opened().ask(),
  save: () => opened().save(),
  async load(bytes, source) {
    await opened().load(bytes, source);
    return opened().position;
  },
  reset: () => opened().reset(),
};

expose(api);
