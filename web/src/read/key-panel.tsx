import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { formatShare } from "../shared/format.ts";
import type { PanelProps } from "./panel.ts";
import { nextGap, wordsAround, type Text } from "../shared/texts.ts";
import { keyProblem } from "./use-reader.ts";

/** The map of the text, where a click or the keyboard hides a key. */
export function KeyPanel({ state, actions }: PanelProps): JSX.Element {
  const { text, key, place, at, phase } = state;
  const size = text?.blob.size ?? 0;
  const fixed = !text || phase === "reading" || phase === "asking";
  const problem = keyProblem(key);
  const around = useWordsAround(text, place);
  const hideAt = (value: string): void => actions.hide(Math.round((Number(value) / STEPS) * size));
  return (
    <section aria-labelledby="key-title">
      <h2 id="key-title">2. A pass key, hidden in it</h2>
      <label class="field">
        The key
        <input
          inputMode="numeric"
          autocomplete="off"
          size={6}
          maxLength={5}
          value={key}
          disabled={phase === "reading" || phase === "asking"}
          aria-invalid={problem !== undefined}
          aria-describedby="key-problem"
          onInput={(event) => actions.setKey(event.currentTarget.value)}
        />
      </label>
      <span id="key-problem" class="note">
        {problem}
      </span>
      <input
        type="range"
        class={place === undefined ? "map without-key" : "map"}
        style={{ "--read": formatRead(at, size) }}
        min={0}
        max={STEPS}
        value={place === undefined || size === 0 ? STEPS / 2 : Math.round((place / size) * STEPS)}
        disabled={fixed}
        aria-label="Map of the text: where the key is hidden"
        aria-valuetext={place === undefined ? "no key is hidden" : `${formatShare(place / size)} of the text`}
        onInput={(event) => hideAt(event.currentTarget.value)}
        onClick={(event) => hideAt(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" || event.key === " ") hideAt(event.currentTarget.value);
          if (event.key === "Delete" || event.key === "Backspace") actions.hide(undefined);
        }}
      />
      <p class="note excerpt">
        {around ? (
          <>
            … {around[0]} <mark>The pass key is {key}.</mark> {around[1]} …
          </>
        ) : (
          "Click in the map of the text, or reach it with Tab and move with the arrow keys; Delete removes the key."
        )}
      </p>
      {place !== undefined && (
        <button type="button" disabled={fixed} onClick={() => actions.hide(undefined)}>
          Remove it
        </button>
      )}
    </section>
  );
}

// --- internal ---

/** Places of the map. */
const STEPS = 1000;

function formatRead(at: number, size: number): string {
  return `${size === 0 ? 0 : (100 * at) / size}%`;
}

function useWordsAround(text: Text | undefined, place: number | undefined): readonly [string, string] | undefined {
  const [words, setWords] = useState<readonly [string, string]>();
  useEffect(() => {
    let wanted = true;
    setWords(undefined);
    if (text && place !== undefined)
      nextGap(text.blob, place)
        .then((gap) => wordsAround(text.blob, gap))
        .then(
          (found) => wanted && setWords(found),
          () => wanted && setWords(["", ""]),
        );
    return () => {
      wanted = false;
    };
  }, [text, place]);
  return words;
}
