import { decodeTokens } from "infini-transformer/text";
import type { JSX } from "preact";
import { Choices } from "../shared/choices.tsx";
import { headName, type SegmentProps } from "./token-panel.tsx";

/** Which earlier segment the memory's answer to a token resembles. */
export function EarlierPanel({ state, actions, segment }: SegmentProps): JSX.Element {
  const { segments, token, place } = state;
  const resemblance = segment.layers[place.layer]?.[place.head]?.resemblance ?? [];
  const cosines = resemblance.map((row) => row[token] ?? 0);
  const most = cosines.indexOf(Math.max(...cosines));
  const shown = (state.earlier ?? segment.firstEarlier + most) - segment.firstEarlier;
  return (
    <section aria-labelledby="earlier-title">
      <h2 id="earlier-title">3. Which earlier segment the memory's answer resembles</h2>
      <p class="note">
        {headName(place)}, for this token: the cosine between what the memory gives and what it would give if only that
        segment had been written to it. It is 0 for a segment that wrote nothing; negative values are drawn as 0.
      </p>
      {cosines.some((cosine) => cosine !== 0) ? (
        <>
          <Choices
            label="Earlier segments"
            kind="bars"
            choices={cosines.map((cosine, i) => {
              const number = segment.firstEarlier + i + 1;
              return { text: String(number), label: `Segment ${number}, cosine ${cosine.toFixed(2)}`, share: cosine };
            })}
            chosen={shown}
            choose={(i) => actions.chooseEarlier(segment.firstEarlier + i)}
          />
          <p class="rate" role="status">
            Segment {segment.firstEarlier + shown + 1}
            {shown === most && ", the most similar"}: cosine {(cosines[shown] ?? 0).toFixed(2)}
          </p>
          <blockquote class="excerpt">
            {decodeTokens(segments[segment.firstEarlier + shown]?.tokens ?? new Int32Array())}
          </blockquote>
        </>
      ) : (
        <p role="status">{nothingLine(cosines.length, state.before)}</p>
      )}
    </section>
  );
}

// --- internal ---

/** Why there is nothing to compare with. What Read holds is one memory, whose segments cannot be told apart. */
function nothingLine(earlier: number, before: number): string {
  if (before > 0)
    return "No segment of this text before this one wrote to the memory of this head. What Read holds cannot be divided into segments.";
  if (earlier === 0) return "Nothing was read before this segment.";
  return "The memory of this head gives nothing: no segment before this one wrote to it.";
}
