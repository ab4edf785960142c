import type { FunctionComponent, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { reason } from "../shared/download.ts";
import { Problem } from "../shared/problem.tsx";

export interface CompareViewProps {
  /** Whether the view is visible. */
  readonly shown: boolean;
}

/** The results, fetched when the view is first shown: the other views do not need them. */
export function CompareView({ shown }: CompareViewProps): JSX.Element {
  const [Page, setPage] = useState<FunctionComponent>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    if (!shown || Page) return;
    import("./results-page.tsx").then(
      ({ ResultsPage }) => setPage(() => ResultsPage),
      (cause: unknown) => setProblem(`The results cannot be fetched: ${reason(cause)}`),
    );
  }, [shown]);
  if (Page) return <Page />;
  return problem === undefined ? <p class="note">The results are being fetched …</p> : <Problem text={problem} />;
}
