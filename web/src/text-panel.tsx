import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { formatBytes } from "./format.ts";
import type { PanelProps } from "./panel.ts";
import { BUNDLED_TEXTS, fetchText, openText } from "./texts.ts";

/** Where a text is chosen or dropped. */
export function TextPanel({ state: { phase, text }, actions }: PanelProps): JSX.Element {
  const [over, setOver] = useState(false);
  const busy = phase === "reading" || phase === "asking";
  const take = (files: FileList | null | undefined): void => {
    const file = files?.[0];
    if (file && !busy) void actions.choose(openText(file));
  };
  return (
    <section
      aria-labelledby="text-title"
      class={over ? "drop over" : "drop"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer?.files);
      }}
    >
      <h2 id="text-title">1. A text</h2>
      <div class="row">
        {BUNDLED_TEXTS.map(({ file, name, size }) => (
          <button key={file} type="button" disabled={busy} onClick={() => actions.choose(fetchText(file, name))}>
            {name} <small>{size}</small>
          </button>
        ))}
        <label class={busy ? "button disabled" : "button"}>
          A text file …
          <input
            type="file"
            class="hidden-input"
            disabled={busy}
            onChange={(event) => {
              take(event.currentTarget.files);
              event.currentTarget.value = "";
            }}
          />
        </label>
      </div>
      <p class="note">
        {text ? (
          <>
            <strong>{text.name}</strong>, {formatBytes(text.blob.size)}
          </>
        ) : (
          "Choose one, or drop a file here. A token is a byte."
        )}
      </p>
    </section>
  );
}
