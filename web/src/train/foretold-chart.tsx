import type { JSX } from "preact";
import { formatCount } from "../shared/format.ts";
import type { PanelProps } from "../shared/panel.ts";
import { PIECE } from "../read/pieces.ts";
import { TraceChart } from "../shared/trace-chart.tsx";
import type { ReaderState } from "../read/use-reader.ts";

/** How well the text is foretold along the way, as a chart and in words; or why there is none. */
export function ForetoldChart({ model, state }: Omit<PanelProps, "actions">): JSX.Element | null {
  const { text, phase, pieces, foretold } = state;
  if (foretold.length === 0) return phase === "idle" && pieces > 0 ? <p class="note">{NONE}</p> : null;
  return (
    <>
      <TraceChart points={foretold} shortest={text?.blob.size ?? 0} axes={AXES} label={foretoldLine(state)} />
      <p class="note">
        {foretoldLine(state)}. Scored: {formatCount(foretold.length)} of {formatCount(pieces)} pieces that were read.{" "}
        {model.foretells}
      </p>
    </>
  );
}

// --- internal ---

const AXES = ["position in the text, bytes", "bits per byte"] as const;
const NONE = `No bits per byte: they are of whole pieces of ${formatCount(PIECE)} bytes, and none was read.`;

function foretoldLine({ foretold }: ReaderState): string {
  const mean = foretold.reduce((sum, [, bits]) => sum + bits, 0) / foretold.length;
  const [, last = 0] = foretold.at(-1) ?? [];
  return `Bits per byte along the text: ${mean.toFixed(2)} on average, ${last.toFixed(2)} in the last piece`;
}
