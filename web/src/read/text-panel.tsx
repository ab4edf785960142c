import type { JSX } from "preact";
import { FileButton } from "../shared/file-button.tsx";
import { formatBytes } from "../shared/format.ts";
import type { PanelProps } from "./panel.ts";
import { BUNDLED_TEXTS, fetchText, openText } from "../shared/texts.ts";
import { useDrop } from "../shared/use-drop.ts";

/** Where a text is chosen or dropped. */
export function TextPanel({ state: { phase, text }, actions }: PanelProps): JSX.Element {
  const busy = phase === "reading" || phase === "asking";
  const [target, take] = useDrop((file) => {
    if (!busy) void actions.choose(openText(file));
  });
  return (
    <section aria-labelledby="text-title" {...target}>
      <h2 id="text-title">1. A text</h2>
      <div class="row">
        {BUNDLED_TEXTS.map(({ file, name, size }) => (
          <button key={file} type="button" disabled={busy} onClick={() => actions.choose(fetchText(file, name))}>
            {name} <small>{size}</small>
          </button>
        ))}
        <FileButton disabled={busy} take={take}>
          A text file …
        </FileButton>
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
