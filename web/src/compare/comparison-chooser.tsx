import type { Comparison } from "infini-lab/compare";
import type { JSX } from "preact";
import { FileButton } from "../shared/file-button.tsx";
import { formatBytes, formatCount } from "../shared/format.ts";
import { useDrop } from "../shared/use-drop.ts";
import type { ResultsView } from "./use-results.ts";

/** Which comparison is shown: one of the page's, or a file that is chosen or dropped. */
export function ComparisonChooser({ view }: { readonly view: ResultsView }): JSX.Element {
  const { results, choices, chosen, choose } = view;
  const [target, take] = useDrop((file) => void view.open(file));
  return (
    <section aria-labelledby="chooser-title" {...target}>
      <h2 id="chooser-title">Kinds of memory, side by side</h2>
      <div class="row">
        {choices.map((choice) => (
          <button key={choice.name} type="button" aria-pressed={choice === chosen} onClick={() => choose(choice.name)}>
            {choice.name}
          </button>
        ))}
        <FileButton accept=".json" take={take}>
          A comparison of yours …
        </FileButton>
      </div>
      <p class="note" role="status">
        {chosen ? settingsOf(chosen.comparison) : results ? "There is no comparison yet." : "Fetching the results."}
      </p>
      <p class="note">
        <code>npm run lab -- compare</code> writes such files; one can be dropped here.
      </p>
    </section>
  );
}

// --- internal ---

function settingsOf({ texts, tokens, length, learningRates }: Comparison): string {
  return (
    `Each model was trained on the same ${formatCount(tokens)} bytes of text in sequences of ${formatCount(length)}, ` +
    `with the best of the learning rates ${learningRates.join(", ")}, and read ` +
    `${texts.test.documents} unseen documents (${formatBytes(texts.test.bytes)}) from their start with an empty memory.`
  );
}
