import { distancePlot, factsPlot, factsTable, passkeyTable, recallTable, type Experiment } from "infini-lab/compare";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { formatBytes, formatCount } from "../shared/format.ts";
import { LineChart } from "../shared/line-chart.tsx";
import { TextTable } from "./text-table.tsx";

interface ExperimentsProps {
  readonly experiments: readonly Experiment[];
}

/** Other measurements. A part without results is left out. */
export function ExperimentPanels({ experiments }: ExperimentsProps): JSX.Element {
  return (
    <>
      <PasskeyPanel experiments={experiments} />
      <FactsPanel experiments={experiments} />
      <RecallPanel experiments={experiments} />
      <MemoryPanel experiments={experiments} />
    </>
  );
}

// --- internal ---

const HAYSTACKS = [
  { haystack: "garbage", title: "In the paper's garbage" },
  { haystack: "moby-dick", title: "In Moby Dick" },
];

function PasskeyPanel({ experiments }: ExperimentsProps): JSX.Element | null {
  const found = HAYSTACKS.flatMap(({ haystack, title }) => {
    const table = passkeyTable(experiments, haystack);
    return table ? [{ title, table }] : [];
  });
  if (found.length === 0) return null;
  return (
    <section aria-labelledby="passkey-title">
      <h2 id="passkey-title">Pass keys, over lengths and places</h2>
      {found.map(({ title, table }) => (
        <div key={title}>
          <h3>{title}</h3>
          <TextTable name={`Pass keys: ${title.toLowerCase()}`} table={table} />
        </div>
      ))}
      <p class="note">
        Share of the key's digits in their place ± standard error, and in brackets the share of whole keys; chance is
        .10 and .00. Columns: tokens of the prompt.
      </p>
    </section>
  );
}

function FactsPanel({ experiments }: ExperimentsProps): JSX.Element | null {
  const [number, distance] = useMemo(() => [factsPlot(experiments), distancePlot(experiments)], [experiments]);
  const table = factsTable(experiments);
  return (
    <>
      {number && <LineChart plot={number} />}
      {distance && <LineChart plot={distance} />}
      {table && (
        <section aria-labelledby="facts-title">
          <h2 id="facts-title">Many facts at once</h2>
          <TextTable name="Recall of many facts" table={table} />
          <p class="note">
            Share of right answers right after the facts are told ± standard error, and in brackets that of sequences
            without a mistake.
          </p>
        </section>
      )}
    </>
  );
}

function RecallPanel({ experiments }: ExperimentsProps): JSX.Element | null {
  const table = recallTable(experiments);
  if (!table) return null;
  return (
    <section aria-labelledby="recall-title">
      <h2 id="recall-title">RULER</h2>
      <TextTable name="Scores of RULER" table={table} />
      <p class="note">Mean score ± standard error of its synthetic tasks. Columns: tokens of the prompt.</p>
    </section>
  );
}

function MemoryPanel({ experiments }: ExperimentsProps): JSX.Element | null {
  const rows = experiments.flatMap(({ evaluations, stateBytes }) =>
    evaluations.flatMap((found) =>
      found.kind === "constant-memory"
        ? found.rows.map(({ tokens, residentBytes, tokensPerSecond, keyValueCacheBytes }) => [
            formatCount(tokens),
            formatBytes(residentBytes),
            formatCount(tokensPerSecond),
            formatBytes(stateBytes),
            formatBytes(keyValueCacheBytes),
          ])
        : [],
    ),
  );
  if (rows.length === 0) return null;
  const head = ["tokens read", "most resident memory", "tokens/s", "state", "key/value cache would take"];
  return (
    <section aria-labelledby="memory-title">
      <h2 id="memory-title">Memory and speed, in Node</h2>
      <TextTable name="Memory and speed over lengths" table={{ head, rows }} />
    </section>
  );
}
