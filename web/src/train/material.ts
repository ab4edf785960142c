import { reason } from "../shared/download.ts";
import { asText, type OwnText } from "./own-text.ts";
import { BUNDLED_TEXTS, fetchText, type Text } from "../shared/texts.ts";
import type { TrainingTask } from "./trainer.ts";

/** What a run trains on. */
export interface Material {
  readonly name: string;
  /** Empty for a task without a text. */
  readonly text: Uint8Array;
}

/** What a run on a task, or on the user's own text, trains on. Throws an error naming the text when it cannot be read. */
export async function loadMaterial(task: TrainingTask, own: OwnText): Promise<Material> {
  const { name, blob } = await textFor(task, own);
  const bytes = await blob.arrayBuffer().catch((cause: unknown) => {
    throw new Error(`${name}: cannot be read: ${reason(cause)}`, { cause });
  });
  return { name, text: new Uint8Array(bytes) };
}

// --- internal ---

function textFor(task: TrainingTask, own: OwnText): Text | Promise<Text> {
  const [{ file, name }] = BUNDLED_TEXTS;
  if (task === "own") return asText(own);
  return task === "book" ? fetchText(file, name) : { name: "pass keys", blob: new Blob() };
}
