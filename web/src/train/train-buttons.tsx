import type { JSX } from "preact";
import type { TrainerProps } from "./use-trainer.ts";

/** The actions of a run, or the start of one. */
export function TrainButtons({
  state: { phase, steps, metrics },
  actions,
  problem,
}: TrainerProps & {
  /** Why no run can start, if none can. */
  readonly problem: string | undefined;
}): JSX.Element {
  const begins = phase === "opening" || phase === "idle" || (phase === "preparing" && steps === 0);
  const resting = phase === "paused" || phase === "done";
  const hasModel = resting && metrics.length > 0;
  const main = begins
    ? { name: "Train", act: actions.start, enabled: phase === "idle" && problem === undefined }
    : phase === "paused"
      ? { name: "Continue", act: actions.resume, enabled: true }
      : { name: "Pause", act: actions.pause, enabled: phase === "training" };
  // Always the same button, so that it keeps the focus.
  return (
    <>
      <button type="button" class="main" disabled={!main.enabled} onClick={main.act}>
        {main.name}
      </button>
      {!begins && (
        <>
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
      )}
    </>
  );
}
