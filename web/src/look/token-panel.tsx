import type { SegmentLook } from "infini-transformer/runtime";
import type { JSX } from "preact";
import { Choices, type Choice } from "../shared/choices.tsx";
import type { HeadPlace, LookProps } from "./use-look.ts";

export interface SegmentProps extends LookProps {
  /** The selected one. */
  readonly segment: SegmentLook;
}

/** A segment, one of its tokens, and how much of each head's output comes from memory there. */
export function TokenPanel({ state, actions, segment }: SegmentProps): JSX.Element {
  const { segments, token, place } = state;
  const shares = segment.layers[place.layer]?.[place.head]?.memoryShare;
  return (
    <section aria-labelledby="token-title">
      <h2 id="token-title">2. A token, and where each head's output comes from</h2>
      <label class="field wide">
        Segment {segment.index + 1} of {segments.length}
        <input
          type="range"
          min={1}
          max={segments.length}
          value={segment.index + 1}
          aria-label="Segment"
          onInput={(event) => actions.chooseSegment(Number(event.currentTarget.value) - 1)}
        />
      </label>
      <Choices
        label="Tokens of the segment"
        kind="letters"
        choices={[...segment.tokens].map((byte, i) => tokenChoice(byte, i, shares?.[i] ?? 0))}
        chosen={token}
        choose={actions.chooseToken}
      />
      <fieldset class="heads">
        <legend>
          Token {token + 1}, {tokenChoice(segment.tokens[token] ?? 0, token, 0).label}
        </legend>
        {segment.layers.flatMap((heads, layer) =>
          heads.map(({ memoryShare }, head) => (
            <HeadBar
              key={`${layer}.${head}`}
              place={{ layer, head }}
              share={memoryShare[token] ?? 0}
              chosen={layer === place.layer && head === place.head}
              choose={actions.chooseHead}
            />
          )),
        )}
      </fieldset>
      <p class="note">
        A head adds what it reads from memory, times its gate, to what it attends to in this segment and the one before,
        times the rest. The bars compare the lengths of the two. The colour of a token shows how much of it the chosen
        head takes from memory.
      </p>
    </section>
  );
}

/** The name of a head, counted from 1. */
export function headName({ layer, head }: HeadPlace): string {
  return `Layer ${layer + 1}, head ${head + 1}`;
}

// --- internal ---

interface HeadBarProps {
  readonly place: HeadPlace;
  readonly share: number;
  readonly chosen: boolean;
  choose(place: HeadPlace): void;
}

function HeadBar({ place, share, chosen, choose }: HeadBarProps): JSX.Element {
  const memory = Math.round(100 * share);
  return (
    <label class="head">
      <span class="check">
        <input type="radio" name="head" checked={chosen} onChange={() => choose(place)} />
        {headName(place)}
      </span>
      <span class="rate">
        {memory} % memory, {100 - memory} % local
      </span>
      <span class="shares" aria-hidden="true">
        <span class="ours" style={{ width: `${100 * share}%` }} />
        <span class="cache" style={{ width: `${100 - 100 * share}%` }} />
      </span>
    </label>
  );
}

/** A byte as it is shown and spoken. */
function tokenChoice(byte: number, index: number, share: number): Choice {
  const named = { 10: ["⏎", "newline"], 32: ["␣", "space"] }[byte];
  const printable = byte > 32 && byte < 127;
  const text = named?.[0] ?? (printable ? String.fromCharCode(byte) : byte.toString(16).padStart(2, "0"));
  const name = named?.[1] ?? (printable ? `“${text}”` : `byte ${text}`);
  return { text, label: name, share };
}
