import { encodeText } from "infini-transformer/text";
import { PASSKEY_QUESTION, PASSKEY_TASK, passkeySentence } from "infini-transformer/tasks";
import type { Engine } from "infini-transformer/engine";
import { createSession, lookInside, type SegmentLook, type Snapshot } from "infini-transformer/runtime";
import type { LoadedModel } from "infini-transformer/model";
import { breath } from "../shared/breath.ts";

/** The longest text in bytes: all its segments are kept and compared with each other. */
export const MOST_BYTES = 4096;

export interface LookRequest {
  readonly text: string;
  /** A saved session to continue from; newlines fill its open segment, if any, before the text. Default: none. */
  readonly session?: Uint8Array | undefined;
}

/** Reads a text, and reports every segment as it is read and how many there will be: all the work of the worker, without being one. */
export async function lookAtText(
  loaded: LoadedModel,
  engine: Engine,
  { text, session }: LookRequest,
  onSegment: (segment: SegmentLook, total: number) => void,
): Promise<void> {
  const { segmentLength } = loaded.model.config;
  const total = Math.ceil(encodeText(text).length / segmentLength);
  const from = session && (await snapshotOf(loaded, engine, session));
  const filling = "\n".repeat(from ? (segmentLength - ((from.positions[0] ?? 0) % segmentLength)) % segmentLength : 0);
  const options = { loaded, engine, earlier: total, ...(from && { from }) };
  for await (const segment of lookInside(options, encodeText(filling + text))) {
    onSegment(segment, total);
    await breath();
  }
}

/** A text with a pass key hidden after a quarter and asked for at its end, as the model was trained to expect. */
export function withPasskey(text: string, key: string): string {
  const gap = Math.max(0, text.indexOf(" ", text.length / 4));
  const hidden = `${text.slice(0, gap)}\n${passkeySentence(key)}\n${text.slice(gap + 1)}`;
  return `${PASSKEY_TASK}\n${hidden}\n${PASSKEY_QUESTION} ${key}`;
}

// --- internal ---

async function snapshotOf(loaded: LoadedModel, engine: Engine, bytes: Uint8Array): Promise<Snapshot> {
  const session = createSession({ loaded, engine });
  try {
    await session.load(bytes, "what Read holds");
    return await session.snapshot();
  } finally {
    await session.dispose();
  }
}
