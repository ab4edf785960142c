import type { JSX } from "preact";
import { OwnTextField } from "./own-text-field.tsx";
import type { TrainingTask } from "./trainer.ts";
import type { TrainerProps } from "./use-trainer.ts";

export interface MaterialChooserProps extends TrainerProps {
  /** Why no run can start, if none can. */
  readonly problem: string | undefined;
  take(files: FileList | null): void;
}

/** What a run trains on; shown but fixed once it has started. */
export function MaterialChooser({ state, actions, problem, take }: MaterialChooserProps): JSX.Element {
  const { phase, task, own, material } = state;
  const isOpen = phase === "idle";
  return (
    <fieldset disabled={!isOpen}>
      <legend>It trains on</legend>
      {MATERIALS.map(([each, words]) => (
        <label key={each} class="check">
          <input type="radio" name="task" checked={task === each} onChange={() => actions.setTask(each)} />
          {words}
          {each === "own" && task === "own" && !isOpen && `: ${material}`}
        </label>
      ))}
      {task === "own" && isOpen && <OwnTextField own={own} problem={problem} setOwn={actions.setOwn} take={take} />}
    </fieldset>
  );
}

// --- internal ---

const MATERIALS: readonly (readonly [TrainingTask, string])[] = [
  ["book", "Moby Dick, and learns to spell"],
  ["passkey", "pass keys in the paper's garbage, and learns their form"],
  ["own", "a text of your own"],
];
