import type { JSX } from "preact";
import { FileButton } from "../shared/file-button.tsx";
import { formatBytes, formatCount } from "../shared/format.ts";
import type { PanelProps } from "./panel.ts";

/** What the model remembers as a file, which `infini stream --load` can open too. */
export function SessionPanel({ state: { phase, position, facts }, actions }: PanelProps): JSX.Element {
  const idle = phase === "idle";
  return (
    <section aria-labelledby="session-title">
      <h2 id="session-title">What it remembers, as a file</h2>
      <p class="note">
        {position === 0
          ? "Nothing yet."
          : `${formatCount(position)} tokens, in ${formatBytes(facts?.stateBytes ?? 0)} at any length.`}{" "}
        The command <code>infini stream --load</code> continues from it, and this page from files of <code>--save</code>{" "}
        wrote, both with the same model.
      </p>
      <div class="row">
        <button type="button" disabled={!idle || position === 0} onClick={actions.save}>
          Save
        </button>
        <FileButton disabled={!idle} accept=".safetensors" take={(files) => files?.[0] && actions.load(files[0])}>
          Load …
        </FileButton>
        <button type="button" disabled={!idle || position === 0} onClick={actions.forget}>
          Forget everything
        </button>
      </div>
    </section>
  );
}
