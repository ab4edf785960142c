import { formatCount } from "../shared/format.ts";
import type { ModelSource } from "./open-model.ts";
import type { TrainingTask } from "../train/trainer.ts";

/** A model that a view reads with, and what to say about it. */
export interface NamedModel {
  readonly name: string;
  readonly source: ModelSource;
  /** How well it can predict a text. */
  readonly predicts: string;
  /** What it answers, and what it knows. */
  readonly answers: string;
}

const KEYS_ALONE = "This model was trained on pass keys: it reads text, but does not predict it.";

export const SHIPPED_MODEL: NamedModel = {
  name: "the shipped model",
  source: new URL("models/passkey/", document.baseURI).href,
  predicts: KEYS_ALONE,
  answers:
    "The model was trained only on pass keys and answers nothing else. It saw presidential addresses in " +
    "training, but never Moby Dick.",
};

/** What a run of this page has trained so far. */
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
    ? { name, source, predicts: KEYS_ALONE, answers: FORM_ALONE }
    : { name, source, predicts: "This model was trained on a text, to predict its bytes.", answers: TEXT_ALONE };
}

// --- internal ---

const FORM_ALONE =
  "The model was trained on pass keys, for a short time: it has learned the form of an answer at most. Learning to " +
  "hold a key takes a quarter of an hour of recipes/passkey.json.";
const TEXT_ALONE =
  "The model was trained to predict a text. It was not taught to hold a pass key, so do not expect a right answer.";
