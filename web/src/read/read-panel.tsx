import type { JSX } from "preact";
import { formatBytes, formatCount, formatShare } from "../shared/format.ts";
import { SurpriseChart } from "./surprise-chart.tsx";
import type { PanelProps } from "./panel.ts";
import type { ReaderState } from "./use-reader.ts";

/** Reading: its progress and its memory. */
export function ReadPanel({ model, state, actions }: PanelProps): JSX.Element {
  const { text, at, phase, position, continues, facts } = state;
  const size = text?.blob.size ?? 0;
  const started = at > 0 && at < size;
  return (
    <section aria-labelledby="read-title">
      <h2 id="read-title">3. Reading</h2>
      <div class="row">
        {phase === "reading" ? (
          <button type="button" class="main" onClick={actions.stop}>
            Stop
          </button>
        ) : (
          <button type="button" class="main" disabled={!text || phase !== "idle"} onClick={actions.read}>
            {started ? "Read on" : "Read"}
          </button>
        )}
        {position > 0 && !started && phase === "idle" && (
          <label class="check">
            <input
              type="checkbox"
              checked={continues}
              onChange={(event) => actions.setContinues(event.currentTarget.checked)}
            />
            as the next text of the same session
          </label>
        )}
      </div>
      <progress max={size || 1} value={at} aria-label="Read of the text" />
      <p class="note" role="status" data-phase={phase}>
        {statusLine(state)}
      </p>
      <p class="note rate">{rateLine(state)}</p>
      {facts && (
        <div class="meters">
          <Meter label="This model keeps" bytes={facts.stateBytes} most={mostBytes(state)} kind="ours" />
          <Meter
            label="A key/value cache would need"
            bytes={position * facts.cacheBytesPerToken}
            most={mostBytes(state)}
            kind="cache"
          />
        </div>
      )}
      <SurpriseChart model={model} state={state} />
    </section>
  );
}

// --- internal ---

/** Screen readers speak it, so it changes rarely. */
function statusLine({ phase, text, at }: ReaderState): string {
  const size = text?.blob.size ?? 0;
  if (phase === "opening") return "The model is being loaded.";
  if (phase === "reading") return "Reading.";
  if (phase === "asking") return "Asking.";
  if (!text) return "No text yet.";
  if (at === 0) return "Ready to read.";
  return at < size ? `Stopped at ${formatShare(at / size)}.` : "Read to the end.";
}

function rateLine({ progress, position }: ReaderState): string {
  const read = `${formatCount(position)} tokens in all`;
  if (!progress) return read;
  return `${read}, ${formatCount(progress.tokens / progress.seconds)} tokens/s`;
}

/** The end of both scales: what a cache would need at the end of the text. */
function mostBytes({ facts, text, position, at }: ReaderState): number {
  if (!facts) return 1;
  const tokens = position + Math.max(0, (text?.blob.size ?? 0) - at);
  return Math.max(facts.stateBytes, tokens * facts.cacheBytesPerToken);
}

interface MeterProps {
  readonly label: string;
  readonly bytes: number;
  readonly most: number;
  readonly kind: "ours" | "cache";
}

function Meter({ label, bytes, most, kind }: MeterProps): JSX.Element {
  return (
    <div class="meter">
      <span id={`meter-${kind}`}>{label}</span>
      <span class="figure">{formatBytes(bytes)}</span>
      <div
        role="meter"
        aria-labelledby={`meter-${kind}`}
        aria-valuemin={0}
        aria-valuemax={most}
        aria-valuenow={bytes}
        aria-valuetext={formatBytes(bytes)}
      >
        <div class={kind} style={{ width: `${(100 * bytes) / most}%` }} />
      </div>
    </div>
  );
}
