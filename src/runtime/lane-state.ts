import { isOf } from "../graph/names.ts";
import { STATE_FORMAT } from "../model/checkpoint.ts";
import { sizeOf, type HostTensor } from "../tensor/host-tensor.ts";
import { decodeSafetensors, encodeSafetensors, type TensorFile } from "../tensor/safetensors.ts";
import type { Flat } from "../tensor/tree.ts";
import { SessionError } from "./lane-tokens.ts";

/* What a lane keeps, as a value and as a file. The names and shapes in the header of the file say what it fits. */

/**
 * Everything that one lane keeps of what it has read. A plain value that never changes; any lane of the same model can
 * continue from it.
 */
export interface LaneState {
  /** See {@link modelId}. */
  readonly modelId: string;
  /** Tokens read. */
  readonly position: number;
  /** What layers keep between segments, `state.*` [1, ..]. */
  readonly state: Flat<HostTensor>;
  /** What they keep of the open segment, `segment.*` [1, ..]. */
  readonly segment: Flat<HostTensor>;
}

/** A lane state as a safetensors file. */
export function encodeLaneState({ modelId, position, state, segment }: LaneState): Uint8Array {
  return encodeStates("lane", { modelId, positions: [position], values: { ...state, ...segment } });
}

/**
 * A lane state from a file; `source` names it in errors. Whether it fits a model is checked when it is inserted.
 *
 * @throws {SessionError} or SafetensorsError for a file that is something else, is broken, or holds impossible numbers.
 */
export function decodeLaneState(bytes: Uint8Array, source: string): LaneState {
  const { modelId, positions, values } = decodeStates("lane", bytes, source);
  const [position] = positions;
  if (position === undefined || positions.length !== 1)
    throw new SessionError(`${source}: does not have the position of exactly one lane`);
  const ofKind = (wanted: (name: string) => boolean): Flat<HostTensor> =>
    Object.fromEntries(Object.entries(values).filter(([name]) => wanted(name)));
  return { modelId, position, state: ofKind(isOf("state")), segment: ofKind(isOf("segment")) };
}

/** What some lanes keep, `state.*` and `segment.*` [B, ..], and the metadata of its file. */
export interface SavedStates {
  readonly modelId: string;
  readonly positions: readonly number[]; // [B]
  readonly values: Flat<HostTensor>;
}

/** A single `lane` or the lanes of a `session`. */
export type StateKind = "lane" | "session";

export function encodeStates(kind: StateKind, { modelId, positions, values }: SavedStates): Uint8Array {
  return encodeSafetensors(values, { kind, format: STATE_FORMAT, model: modelId, positions: positions.join() });
}

/**
 * Throws SessionError or SafetensorsError for a file that is something else, is broken, or holds impossible numbers.
 */
export function decodeStates(kind: StateKind, bytes: Uint8Array, source: string): SavedStates {
  const file = decodeSafetensors(bytes, source);
  const { kind: found, format, weights, model } = file.metadata;
  if (found !== kind) throw new SessionError(`${source}: is not a saved ${kind}`);
  if (weights !== undefined)
    throw new SessionError(`${source}: was saved by an earlier version; read the text again and save a new state`);
  if (format !== STATE_FORMAT || model === undefined) throw new SessionError(`${source}: was saved by another version`);
  const positions = positionsOf(file, source);
  for (const [name, value] of Object.entries(file.tensors)) checkNumbers(name, value, positions, source);
  return { modelId: model, positions, values: file.tensors };
}

// --- internal ---

function positionsOf({ metadata }: TensorFile, source: string): number[] {
  const texts = (metadata["positions"] ?? "").split(",");
  const positions = texts.map((text) => (/^\d+$/.test(text) ? Number(text) : NaN));
  if (positions.some((position) => !Number.isSafeInteger(position)))
    throw new SessionError(`${source}: has no position, or an impossible one`);
  return positions;
}

/** Throws SessionError for numbers that reading cannot produce in lanes at these positions. */
function checkNumbers(name: string, { shape, data }: HostTensor, positions: readonly number[], source: string): void {
  if (shape[0] !== positions.length)
    throw new SessionError(`${source}: "${name}" has ${shape[0]} lanes, but there are ${positions.length} positions`);
  const width = sizeOf(shape.slice(1));
  // The open segment, rows [.., N, n], has values up to the lane's position; the rest, once it has read a token.
  const [N = 1, n = 1] = isOf("segment")(name) ? shape.slice(-2) : [1, width];
  for (const [lane, position] of positions.entries()) {
    const filled = isOf("segment")(name) ? (position % N) * n : Math.min(position, 1) * n;
    for (let start = lane * width; start < (lane + 1) * width; start += N * n) {
      if (!areFinite(data, start, start + filled))
        throw new SessionError(`${source}: "${name}" has numbers that are not finite`);
      if (!areZero(data, start + filled, start + N * n))
        throw new SessionError(`${source}: "${name}" holds more than ${position} tokens can leave`);
    }
  }
}

function areFinite(data: HostTensor["data"], start: number, end: number): boolean {
  let sum = 0;
  for (let i = start; i < end; i++) {
    const value = data[i] ?? 0;
    sum += value - value; // zero unless something is not finite
  }
  return sum === 0;
}

function areZero(data: HostTensor["data"], start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (data[i] !== 0) return false;
  return true;
}
