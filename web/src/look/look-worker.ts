import { expose } from "comlink";
import type { SegmentLook } from "infini-transformer/runtime";
import type { WebDevice } from "infini-transformer/web";
import { lookAtText, type LookRequest } from "./looker.ts";
import { openModel, type ModelSource, type OpenedModel } from "../engine/open-model.ts";

/** What the page can ask of the worker that looks inside. */
export interface LookWorker {
  open(model: ModelSource, device: WebDevice | undefined): Promise<void>;
  look(request: LookRequest, onSegment: (segment: SegmentLook, total: number) => void): Promise<void>;
}

let opened: OpenedModel | undefined;

const api: LookWorker = {
  async open(model, device) {
    opened = await openModel(model, device);
  },
  look(request, onSegment) {
    if (!opened) throw new Error("no model is open yet");
    return lookAtText(opened.loaded, opened.engine, request, onSegment);
  },
};

expose(api);
