import { formatCount } from "../shared/format.ts";
import type { ModelSource } from "./open-model.ts";
import type { TrainingTask } from "../train/trainer.ts";

/** A model that a view reads with, and what may be said of it. */
export interface NamedModel {
  readonly name: string;
  readonly source: ModelSource;
  /** How far it foretells a text. */
  readonly foretells: string;
  /** What it answers, and what it knows. */
  readonly answers: string;
}

const KEYS_ALONE = "This model was trained on pass keys: it reads, it does not foretell.";

export const SHIPPED_MODEL: NamedModel = {
  name: "the shipped model",
  source: new URL("models/passkey/", document.baseURI).href,
  foretells: KEYS_ALONE,
  answers:
    "The model was trained on pass keys alone and answers nothing else. It knows presidential addresses from its " +
    "training; Moby Dick it has never seen.",
};

/** What a run of this page has come to. */
export interface TrainedHere {
  readonly task: TrainingTask;
  /** What it trains on, by name. */
  readonly material: string;
  readonly steps: number;
  readonly source: ModelSource;
}

export function modelTrainedHere({ task, material, steps, source }: TrainedHere): NamedModel {
  const name = `nano after ${formatCount(steps)} ${steps === 1 ? "step" : "steps"}, trained here on ${material}`;
  return task === "passkey"
    ? { name, source, foretells: KEYS_ALONE, answers: FORM_ALONE }
    : { name, source, foretells: "This model was trained on a text, to foretell its bytes.", answers: TEXT_ALONE };
}

// --- internal ---

const FORM_ALONE =
  "The model was trained on pass keys, for a short time: it has learned the form of an answer at most. To hold a key " +
  "takes a quarter of an hour of recipes/passkey.json.";
const TEXT_ALONE =
  "The model was trained to foretell a text. It was not taught to hold a pass key, so expect no right answer.";
