import { presets } from "infini-transformer/train";
import { formatCount } from "../shared/format.ts";
import type { Text } from "../shared/texts.ts";

/** The user's own text: pasted, or a file. */
export type OwnText = string | File;

export function asText(own: OwnText): Text {
  return { name: typeof own === "string" ? "a pasted text" : own.name, blob: new Blob([own]) };
}

/** Why a run cannot train on a text, if so. */
export function ownTextProblem(own: OwnText): string | undefined {
  const {
    name,
    blob: { size },
  } = asText(own);
  if (own === "") return `Choose a file, drop one here, or paste a text: ${LEAST} or more.`;
  if (size >= LEAST_BYTES) return undefined;
  return `${name} has ${formatCount(size)} bytes; a run needs ${LEAST}: a training sequence, and the byte after it.`;
}

// --- internal ---

const LEAST_BYTES = presets.nano.training.length + 1;
const LEAST = `${formatCount(LEAST_BYTES)} bytes`;
