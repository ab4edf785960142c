import type { JSX } from "preact";
import { DEVICE_NAMES } from "../engine/device-names.ts";
import { formatCount } from "../shared/format.ts";
import { MaterialChooser } from "./material-chooser.tsx";
import type { NamedModel } from "../engine/models.ts";
import { ownTextProblem } from "./own-text.ts";
import { Problem } from "../shared/problem.tsx";
import { TraceChart } from "../shared/trace-chart.tsx";
import { TrainButtons } from "./train-buttons.tsx";
import type { ChosenDevice } from "../engine/use-device.ts";
import { useDrop } from "../shared/use-drop.ts";
import { useTrainer, type TrainerState } from "./use-trainer.ts";

export interface TrainViewProps {
  readonly device: ChosenDevice;
  use(model: NamedModel): void;
}

/** Trains the smallest preset in this tab; `use` gets the trained model. */
export function TrainView({ device, use }: TrainViewProps): JSX.Element {
  const [state, actions] = useTrainer(device, use);
  const { phase, task, own, steps, metrics, problem } = state;
  const wrong = task === "own" ? ownTextProblem(own) : undefined;
  const [target, take] = useDrop((file) => {
    if (phase === "idle") actions.setOwn(file);
  });
  return (
    <section aria-labelledby="train-title" {...target}>
      <h2 id="train-title">The preset nano, from scratch</h2>
      <Problem text={problem} />
      <MaterialChooser state={state} actions={actions} problem={wrong} take={take} />
      <div class="row">
        <TrainButtons state={state} actions={actions} problem={wrong} />
      </div>
      <progress max={steps || 1} value={metrics.length} aria-label="Steps of the run" />
      <p class="note" role="status">
        {STATUS[phase]}
      </p>
      <p class="note rate">{metricsLine(state)}</p>
      {steps > 0 && (
        <TraceChart points={lossesOf(metrics)} shortest={FEWEST_STEPS} axes={LOSS_AXES} label={lossLabel(metrics)} />
      )}
      <p class="note">
        With the run folder, <code>infini generate nano</code> writes, and{" "}
        <code>infini train nano/recipe.json --out nano --resume</code> continues it. A run on a text needs that again:
        the folder has it, for <code>--data nano/text.txt</code>, which takes UTF-8 alone. A model of this size and so
        few steps learns the letters of a text. Learning to hold a key takes a quarter of an hour of{" "}
        <code>recipes/passkey.json</code>.{" "}
        {state.kept
          ? "This browser keeps the run, so the page can be reloaded."
          : "This browser does not keep the run: reloading the page loses it."}
      </p>
    </section>
  );
}

// --- internal ---

const STATUS: Readonly<Record<TrainerState["phase"], string>> = {
  opening: "Looking for a saved run.",
  idle: "No run yet.",
  preparing: "Building the graph of a step.",
  training: "Training.",
  pausing: "Pausing after this step.",
  paused: "Paused.",
  done: "Done.",
  taking: "Opening the run.",
};

/** The shortest scale of steps. */
const FEWEST_STEPS = 50;
const LOSS_AXES = ["step", "loss, nats for each token"] as const;

function lossesOf(metrics: TrainerState["metrics"]): (readonly [number, number])[] {
  return metrics.map(({ step, loss }) => [step, loss]);
}

function lossLabel(metrics: TrainerState["metrics"]): string {
  const [first, last] = [metrics[0], metrics.at(-1)];
  return first && last ? `Loss from ${first.loss.toFixed(2)} to ${last.loss.toFixed(2)}` : "Loss, not yet known";
}

function metricsLine({ metrics, steps, device }: TrainerState): string {
  const last = metrics.at(-1);
  if (!last) return "The loss is in nats for each token; a model that knows nothing has 5.55.";
  const { step, loss, tokensPerSecond } = last;
  return `Step ${formatCount(step)} of ${formatCount(steps)}, loss ${loss.toFixed(3)}, ${formatCount(tokensPerSecond)} tokens/s${device === undefined ? "" : ` on ${DEVICE_NAMES[device]}`}`;
}
