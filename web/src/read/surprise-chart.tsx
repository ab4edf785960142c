import type { JSX } from "preact";
import { formatCount } from "../shared/format.ts";
import type { PanelProps } from "./panel.ts";
import { PIECE } from "./pieces.ts";
import { TraceChart } from "../shared/trace-chart.tsx";
import type { ReaderState } from "./use-reader.ts";

/** How well the text is predicted along the way, as a chart and in words; or why there is no chart. */
export function SurpriseChart({ model, state }: Omit<PanelProps, "actions">): JSX.Element | null {
  const { text, phase, pieces, surprise } = state;
  if (surprise.length === 0) return phase === "idle" && pieces > 0 ? <p class="note">{NONE}</p> : null;
  return (
    <>
      <TraceChart points={surprise} shortest={text?.blob.size ?? 0} axes={AXES} label={surpriseLine(state)} />
      <p class="note">
        {surpriseLine(state)}. Scored: {formatCount(surprise.length)} of {formatCount(pieces)} pieces read.{" "}
        {model.predicts}
      </p>
    </>
  );
}

// --- internal ---

const AXES = ["position in the text, bytes", "bits per byte"] as const;
const NONE = `No bits per byte: these are measured on whole pieces of ${formatCount(PIECE)} bytes, and none was read.`;

function surpriseLine({ surprise }: ReaderState): string {
  const mean = surprise.reduce((sum, [, bits]) => sum + bits, 0) / surprise.length;
  const [, last = 0] = surprise.at(-1) ?? [];
  return `Bits per byte along the text: ${mean.toFixed(2)} on average, ${last.toFixed(2)} in the last piece`;
}
