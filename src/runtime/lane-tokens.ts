import { InfiniError } from "../base/errors.ts";
import { intTensor, type HostTensor } from "../tensor/host-tensor.ts";
import type { Flat } from "../tensor/tree.ts";

/** A saved state that does not fit the model, or tokens that it cannot take. */
export class SessionError extends InfiniError {
  override name = "SessionError";
  readonly code = "ERR_SESSION";
}

/** The tokens of one lane, or of each lane; all lanes have the same length. */
export type LaneTokens = Int32Array | readonly Int32Array[];

/**
 * The tokens of each of `batch` lanes, of equal length. Throws {@link SessionError} for tokens that a session cannot
 * take.
 */
export function checkLanes(tokens: LaneTokens, batch: number, vocabularySize: number): readonly Int32Array[] {
  const lanes = checkTokens(tokens instanceof Int32Array ? [tokens] : tokens, batch, vocabularySize);
  const length = lanes[0]?.length ?? 0;
  if (length === 0) throw new SessionError("there are no tokens to read");
  const other = lanes.find((lane) => lane.length !== length);
  if (other) throw new SessionError(`lanes differ in length: ${length} and ${other.length} tokens`);
  return lanes;
}

/** The tokens of each of `batch` lanes, of any length. Throws {@link SessionError} for tokens that no lane can take. */
export function checkTokens(
  lanes: readonly Int32Array[],
  batch: number,
  vocabularySize: number,
): readonly Int32Array[] {
  const given: unknown = lanes;
  if (!Array.isArray(given) || given.some((lane) => !(lane instanceof Int32Array)))
    throw new SessionError("tokens must be an Int32Array, or an array with one for each lane");
  if (lanes.length !== batch) throw new SessionError(`the session has ${batch} lanes, got tokens for ${lanes.length}`);
  for (const lane of lanes) {
    const wrong = lane.find((token) => token < 0 || token >= vocabularySize);
    if (wrong !== undefined) throw new SessionError(`token ${wrong} is not in the vocabulary of ${vocabularySize}`);
  }
  return lanes;
}

/** One token as tokens to read. Throws {@link SessionError} unless it is a whole number of 32 bits. */
export function singleToken(token: number): Int32Array {
  if (!Number.isInteger(token) || Math.abs(token) >= 2 ** 31)
    throw new SessionError(`token ${token} is not a whole number of 32 bits`);
  return Int32Array.of(token);
}

/** The tokens, and zeros up to a size. */
export function padTo(lane: Int32Array, size: number): Int32Array {
  if (lane.length === size) return lane;
  const padded = new Int32Array(size);
  padded.set(lane);
  return padded;
}

/** Lanes of equal length as a tensor [B, T]. */
export function stackLanes(lanes: readonly Int32Array[]): HostTensor {
  const length = lanes[0]?.length ?? 0;
  const data = new Int32Array(lanes.length * length);
  lanes.forEach((lane, i) => data.set(lane, i * length));
  return intTensor([lanes.length, length], data);
}

/** The numbers of a result. Throws {@link SessionError} if there is none. */
export function dataOf(results: Flat<HostTensor>, name: string): Float32Array {
  const data = results[name]?.data;
  if (!(data instanceof Float32Array)) throw new SessionError(`the program returned no ${name}`);
  return data;
}

/** Parts joined in order; a single part is not copied. */
export function joinParts(parts: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array()] = parts;
  if (parts.length <= 1) return first;
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let start = 0;
  for (const part of parts) {
    joined.set(part, start);
    start += part.length;
  }
  return joined;
}
