import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { formatCount, formatShare } from "../shared/format.ts";
import { MOST_BYTES, withPasskey } from "./looker.ts";
import { TextField } from "../shared/text-field.tsx";
import { BUNDLED_TEXTS, excerptAt, fetchText } from "../shared/texts.ts";
import type { LookProps, LookState } from "./use-look.ts";

type Book = (typeof BUNDLED_TEXTS)[number];

export interface LookTextPanelProps extends LookProps {
  /** What is shown above the text. */
  readonly children: ComponentChildren;
}

/** The text to look into: a passage of a book with a pass key in it, or the user's own. */
export function LookTextPanel({ state, actions, children }: LookTextPanelProps): JSX.Element {
  const [book, setBook] = useState<Book>();
  const [share, setShare] = useState(0.3);
  const busy = state.phase !== "idle";
  const problem = textProblem(state.text);
  const fill = (from: Book | undefined, at: number): void => {
    setBook(from);
    setShare(at);
    if (from) void actions.fill(passage(from, at));
  };
  return (
    <section aria-labelledby="look-text-title">
      <h2 id="look-text-title">1. A text</h2>
      {children}
      <div class="row">
        {BUNDLED_TEXTS.map((each) => (
          <button key={each.file} type="button" disabled={busy} onClick={() => fill(each, share)}>
            From {each.name}
          </button>
        ))}
        <label class="field">
          at
          <input
            type="range"
            min={0}
            max={100}
            value={Math.round(100 * share)}
            disabled={busy}
            aria-label="Place in the book"
            aria-valuetext={`${formatShare(share)} of the book`}
            onChange={(event) => fill(book, Number(event.currentTarget.value) / 100)}
          />
          {formatShare(share)}
        </label>
      </div>
      <TextField
        label="A passage with a pass key hidden and asked for, or your own text"
        text={state.text}
        disabled={busy}
        problem={problem}
        note={`${formatCount(bytesOf(state.text))} bytes, of at most ${formatCount(MOST_BYTES)}. A token is a byte.`}
        setText={actions.setText}
      />
      <button type="button" class="main" disabled={busy || problem !== undefined} onClick={actions.read}>
        Read and look
      </button>
      <progress max={state.total || 1} value={state.segments.length} aria-label="Segments read" />
      <p class="note" role="status">
        {statusLine(state)}
      </p>
    </section>
  );
}

// --- internal ---

/** Bytes of a passage of a book. */
const PASSAGE = 2400;

async function passage({ file, name }: Book, share: number): Promise<string> {
  const { blob } = await fetchText(file, name);
  const key = String(10_000 + Math.floor(Math.random() * 40_000));
  return withPasskey(await excerptAt(blob, Math.round(share * (blob.size - PASSAGE)), PASSAGE), key);
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

function textProblem(text: string): string | undefined {
  const bytes = bytesOf(text);
  if (bytes === 0) return "Choose a book, or write or paste a text.";
  if (bytes > MOST_BYTES) return `The text has ${formatCount(bytes)} bytes; it may have ${formatCount(MOST_BYTES)}.`;
}

function statusLine({ phase, segments, before }: LookState): string {
  if (phase === "opening") return "Loading the model.";
  if (phase === "reading") return "Reading.";
  if (segments.length === 0) return "Nothing has been read yet.";
  const after = before > 0 ? `, after ${formatCount(before)} tokens` : "";
  return `Read, in ${formatCount(segments.length)} segments${after}.`;
}
