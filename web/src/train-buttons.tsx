import type { JSX } from "preact";
import type { TrainerProps } from "./use-trainer.ts";

/** What can be done with a run, or the way to one. */
export function TrainButtons({
  state: { phase, steps, metrics },
  actions,
  problem,
}: TrainerProps & {
  /** Why no run can begin, if none can. */
  readonly problem: string | undefined;
}): JSX.Element {
  if (phase === "opening" || phase === "idle" || (phase === "preparing" && steps === 0))
    return (
      <button type="button" class="main" disabled={phase !== "idle" || problem !== undefined} onClick={actions.start}>
        Train
      </button>
    );
  const resting = phase === "paused" || phase === "done";
  const hasModel = resting && metrics.length > 0;
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
      <button type="button" disabled={!hasModel} onClick={actions.use}>
        Use it under Read
      </button>
      <button type="button" disabled={!hasModel} onClick={actions.save}>
        Download the run folder
      </button>
      <button type="button" disabled={!resting} onClick={actions.discard}>
        Discard
      </button>
    </>
  );
}
