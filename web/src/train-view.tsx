import type { JSX } from "preact";
import { formatCount } from "./format.ts";
import { Problem } from "./problem.tsx";
import { TraceChart } from "./trace-chart.tsx";
import { useTrainer, type TrainerActions, type TrainerState } from "./use-trainer.ts";

/** Training the smallest preset in this tab. */
export function TrainView(): JSX.Element {
  const [state, actions] = useTrainer();
  const { phase, task, steps, metrics, problem } = state;
  return (
    <section aria-labelledby="train-title">
      <h2 id="train-title">The preset nano, from scratch</h2>
      <Problem text={problem} />
      <fieldset disabled={phase !== "idle"}>
        <legend>It trains on</legend>
        <label class="check">
          <input type="radio" name="task" checked={task === "text"} onChange={() => actions.setTask("text")} />
          Moby Dick, and learns to spell
        </label>
        <label class="check">
          <input type="radio" name="task" checked={task === "passkey"} onChange={() => actions.setTask("passkey")} />
          pass keys in the paper's garbage, and learns their form
        </label>
      </fieldset>
      <div class="row">
        <Buttons state={state} actions={actions} />
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
        <code>infini train nano/recipe.json --out nano --resume</code> goes on; a run on a text needs it as{" "}
        <code>--data</code> again. A model of this size and so few steps learns the letters of a text. To hold a key
        takes a quarter of an hour of <code>recipes/passkey.json</code>. This browser keeps the run, so the page can be
        loaded again.
      </p>
    </section>
  );
}

// --- internal ---

const STATUS: Readonly<Record<TrainerState["phase"], string>> = {
  opening: "Looking for a run that was kept.",
  idle: "No run yet.",
  preparing: "The graph of a step is being made.",
  training: "Training.",
  pausing: "Pausing after this step.",
  paused: "Paused.",
  done: "Done.",
};

function Buttons({
  state: { phase, metrics },
  actions,
}: {
  state: TrainerState;
  actions: TrainerActions;
}): JSX.Element {
  if (phase === "opening" || phase === "idle" || (phase === "preparing" && metrics.length === 0))
    return (
      <button type="button" class="main" disabled={phase !== "idle"} onClick={actions.start}>
        Train
      </button>
    );
  const resting = phase === "paused" || phase === "done";
  return (
    <>
      {phase === "paused" ? (
        <button type="button" class="main" onClick={actions.resume}>
          Go on
        </button>
      ) : (
        <button type="button" class="main" disabled={phase !== "training"} onClick={actions.pause}>
          Pause
        </button>
      )}
      <button type="button" disabled={!resting || metrics.length === 0} onClick={actions.save}>
        Download the run folder
      </button>
      <button type="button" disabled={!resting} onClick={actions.discard}>
        Discard
      </button>
    </>
  );
}

/** The scale of steps is never shorter. */
const FEWEST_STEPS = 50;
const LOSS_AXES = ["step", "loss, nats for each token"] as const;

function lossesOf(metrics: TrainerState["metrics"]): (readonly [number, number])[] {
  return metrics.map(({ step, loss }) => [step, loss]);
}

function lossLabel(metrics: TrainerState["metrics"]): string {
  const [first, last] = [metrics[0], metrics.at(-1)];
  return first && last ? `Loss from ${first.loss.toFixed(2)} to ${last.loss.toFixed(2)}` : "Loss, not yet known";
}

function metricsLine({ metrics, steps }: TrainerState): string {
  const last = metrics.at(-1);
  if (!last) return "The loss is in nats for each token; one that knows nothing has 5.55.";
  const { step, loss, tokensPerSecond } = last;
  return `Step ${formatCount(step)} of ${formatCount(steps)}, loss ${loss.toFixed(3)}, ${formatCount(tokensPerSecond)} tokens/s`;
}
