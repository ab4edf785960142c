import type { JSX } from "preact";
import { AskPanel } from "./ask-panel.tsx";
import { formatBytes, formatCount } from "./format.ts";
import { KeyPanel } from "./key-panel.tsx";
import { ReadPanel } from "./read-panel.tsx";
import { SessionPanel } from "./session-panel.tsx";
import { TextPanel } from "./text-panel.tsx";
import { useReader, type ReaderState } from "./use-reader.ts";

/** The page: from a text to an answer, from top to bottom. */
export function App(): JSX.Element {
  const [state, actions] = useReader();
  const panel = { state, actions };
  return (
    <>
      <header>
        <h1>Read without end</h1>
        <p>
          A transformer reads a text of any length, in this tab. Attention is exact inside a segment; all that came
          before lives in a memory of fixed size. Hide a pass key in a book, let it read, and ask.
        </p>
        <p class="note">{modelLine(state)}</p>
      </header>
      <main>
        {state.problem !== undefined && (
          <p class="problem" role="alert">
            {state.problem}
          </p>
        )}
        <TextPanel {...panel} />
        <KeyPanel {...panel} />
        <ReadPanel {...panel} />
        <AskPanel {...panel} />
        <SessionPanel {...panel} />
      </main>
      <footer>
        <p class="note">
          Nothing leaves this machine. The model was trained on pass keys alone and answers nothing else. It knows
          presidential addresses from its training; Moby Dick it has never seen.
        </p>
      </footer>
    </>
  );
}

// --- internal ---

function modelLine({ phase, facts }: ReaderState): string {
  if (phase === "failed") return "There is no model.";
  if (!facts) return "The model is being loaded …";
  const threads = crossOriginIsolated
    ? "on several threads"
    : "on one thread, since this host does not isolate the page (see the documentation)";
  return `${formatCount(facts.parameters)} parameters, ${formatBytes(facts.stateBytes)} of state, ${threads}.`;
}
