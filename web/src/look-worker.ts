import { expose } from "comlink";
import type { Engine } from "infini-transformer/engine";
import type { SegmentLook } from "infini-transformer/generate";
import type { LoadedModel } from "infini-transformer/model";
import { createWebEngine, fetchModelFolder } from "infini-transformer/web";
import { lookAtText, type LookRequest } from "./looker.ts";
import { RUNTIME_FILES } from "./runtime-files.ts";

/** What the page can ask of the worker that looks inside. */
export interface LookWorker {
  open(model: string): Promise<void>;
  look(request: LookRequest, onSegment: (segment: SegmentLook, total: number) => void): Promise<void>;
}

let opened: { readonly loaded: LoadedModel; readonly engine: Engine } | undefined;

const api: LookWorker = {
  async open(model) {
    const [loaded, engine] = await Promise.all([fetchModelFolder(model), createWebEngine({ assets: RUNTIME_FILES })]);
    opened = { loaded, engine };
  },
  look(request, onSegment) {
    if (!opened) throw new Error("there is no model yet");
    return lookAtText(opened.loaded, opened.engine, request, onSegment);
  },
};

expose(api);
