import type { JSX } from "preact";
import { formatBytes, formatCount } from "./format.ts";
import type { PanelProps } from "./panel.ts";

/** What the model remembers as a file, which `infini stream --load` takes too. */
export function SessionPanel({ state: { phase, position, facts }, actions }: PanelProps): JSX.Element {
  const idle = phase === "idle";
  return (
    <section aria-labelledby="session-title">
      <h2 id="session-title">What it remembers, as a file</h2>
      <p class="note">
        {position === 0
          ? "Nothing yet."
          : `${formatCount(position)} tokens, in ${formatBytes(facts?.stateBytes ?? 0)} at any length.`}{" "}
        The command <code>infini stream --load</code> goes on from it, and this page from what <code>--save</code>{" "}
        wrote.
      </p>
      <div class="row">
        <button type="button" disabled={!idle || position === 0} onClick={actions.save}>
          Save
        </button>
        <label class={idle ? "button" : "button disabled"}>
          Load …
          <input
            type="file"
            class="hidden-input"
            accept=".safetensors"
            disabled={!idle}
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              event.currentTarget.value = "";
              if (file) void actions.load(file);
            }}
          />
        </label>
        <button type="button" disabled={!idle || position === 0} onClick={actions.forget}>
          Forget all
        </button>
      </div>
    </section>
  );
}
