import { encodeText, PASSKEY_QUESTION, PASSKEY_TASK, passkeySentence } from "infini-transformer/data";
import type { Engine } from "infini-transformer/engine";
import { lookInside, type SegmentLook } from "infini-transformer/generate";
import type { LoadedModel } from "infini-transformer/model";
import { breath } from "./breath.ts";

/** Bytes of the longest text that is looked into: all its segments are kept, and compared with each other. */
export const MOST_BYTES = 4096;

/** Reads a text, and shows every segment as it is read and how many there will be. All that a worker does, apart from being one. */
export async function lookAtText(
  loaded: LoadedModel,
  engine: Engine,
  text: string,
  onSegment: (segment: SegmentLook, total: number) => void,
): Promise<void> {
  const tokens = encodeText(text);
  const total = Math.ceil(tokens.length / loaded.model.config.segmentLength);
  for await (const segment of lookInside({ loaded, engine, earlier: total }, tokens)) {
    onSegment(segment, total);
    await breath();
  }
}

/** A pass key hidden in a text, a quarter into it, and asked for at its end, as the model was trained to expect it. */
export function withPasskey(text: string, key: string): string {
  const gap = Math.max(0, text.indexOf(" ", text.length / 4));
  const hidden = `${text.slice(0, gap)}\n${passkeySentence(key)}\n${text.slice(gap + 1)}`;
  return `${PASSKEY_TASK}\n${hidden}\n${PASSKEY_QUESTION} ${key}`;
}
