import type { JSX } from "preact";
import { ComparisonChooser } from "./comparison-chooser.tsx";
import { ComparisonPanels } from "./comparison-panels.tsx";
import { ExperimentPanels } from "./experiment-panels.tsx";
import { Problem } from "../shared/problem.tsx";
import { useResults } from "./use-results.ts";

/** The project's results, or a comparison of the user's. */
export function ResultsPage(): JSX.Element {
  const view = useResults();
  const { results, chosen, problem } = view;
  return (
    <>
      <Problem text={problem} />
      <ComparisonChooser view={view} />
      {chosen && <ComparisonPanels comparison={chosen.comparison} />}
      {results && <ExperimentPanels experiments={results.experiments} />}
      <p class="note">
        The comparison was made by <code>npm run lab -- compare</code>, the rest by <code>npm run reproduce</code>; both
        can be run again by anybody.
      </p>
    </>
  );
}
