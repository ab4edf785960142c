import { InfiniError } from "../base/errors.ts";
import type { HostTensor } from "../tensor/host-tensor.ts";
import { flatten, type Flat } from "../tensor/tree.ts";
import type { StoredModel } from "./transformer.ts";

/* What tells models apart: the weights themselves, never options and their defaults, so that a config can gain a key. */

/** A model that cannot be told from others here. */
export class IdentityError extends InfiniError {
  override name = "IdentityError";
  readonly code = "ERR_IDENTITY";
}

/**
 * SHA-256 of the weights of a model, their names, types and shapes, in 64 hexadecimal digits. It goes through all of them when it is
 * first asked for; after that it is known as long as the weights are. They must not change.
 *
 * @throws {IdentityError} where there is no SHA-256: in a page that did not come over HTTPS or from this machine.
 */
export function modelId({ params }: Pick<StoredModel, "params">): Promise<string> {
  const known = ids.get(params);
  if (known) return known;
  const id = hashTensors(flatten<HostTensor>(params));
  ids.set(params, id);
  id.catch(() => ids.delete(params));
  return id;
}

// --- internal ---

const ids = new WeakMap<object, Promise<string>>();

/** Bytes that are hashed at once: each is copied for that. */
const PIECE = 1 << 23;

async function hashTensors(tensors: Flat<HostTensor>): Promise<string> {
  const lines: string[] = [];
  for (const [name, tensor] of Object.entries(tensors).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const { buffer, byteOffset, byteLength } = tensor.data;
    const pieces: string[] = [];
    for (let start = 0; start < byteLength; start += PIECE)
      pieces.push(await sha256(new Uint8Array(buffer, byteOffset + start, Math.min(PIECE, byteLength - start))));
    lines.push([describe(name, tensor), ...pieces].join(" "));
  }
  return sha256(new TextEncoder().encode(lines.join("\n")));
}

function describe(name: string, { dtype, shape }: Pick<HostTensor, "dtype" | "shape">): string {
  return `${name}:${dtype}[${shape.join()}]`;
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const { subtle } = globalThis.crypto as Partial<typeof globalThis.crypto>;
  if (!subtle)
    throw new IdentityError(
      "models cannot be told apart here: a browser computes SHA-256 only for pages from HTTPS or localhost",
    );
  const digest = await subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
