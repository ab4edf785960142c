import type { JSX } from "preact";
import { formatCount } from "../shared/format.ts";
import type { PanelProps } from "./panel.ts";
import type { Answer } from "./use-reader.ts";

/** The question, asked on a copy of the state, so that reading continues unaffected. */
export function AskPanel({ state: { phase, position, answer }, actions }: PanelProps): JSX.Element {
  return (
    <section aria-labelledby="ask-title">
      <h2 id="ask-title">4. The question</h2>
      <button type="button" class="main" disabled={phase !== "idle" || position === 0} onClick={actions.ask}>
        What is the pass key?
      </button>
      <div role="status" class="answer">
        {answer && (
          <>
            <p class="given">{answer.given || "no number"}</p>
            <p class={verdictClass(answer)}>{verdict(answer)}</p>
          </>
        )}
      </div>
    </section>
  );
}

// --- internal ---

function verdictClass({ given, key }: Answer): string {
  if (key === undefined) return "note";
  return given === key ? "right" : "wrong";
}

function verdict({ given, key, distance }: Answer): string {
  if (key === undefined) return "No key was hidden in what was read here.";
  const after = `${formatCount(distance)} tokens after it was read`;
  return given === key ? `Right, ${after}.` : `Wrong: it was ${key}, ${after}.`;
}
