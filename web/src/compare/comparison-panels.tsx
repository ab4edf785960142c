import {
  lengthPlot,
  lengthTable,
  lossPlot,
  memoryPlot,
  positionPlot,
  positionTable,
  type Comparison,
} from "infini-lab/compare";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { ComparisonTable } from "./comparison-table.tsx";
import { LineChart } from "../shared/line-chart.tsx";
import { TableBelow } from "./text-table.tsx";

/** One comparison: its table, and its plots. */
export function ComparisonPanels({ comparison }: { readonly comparison: Comparison }): JSX.Element {
  const { missing, diverged, systems } = comparison;
  const plots = useMemo(() => plotsOf(comparison), [comparison]);
  const lengths = lengthTable(comparison);
  if (systems.length === 0) return <p class="note">No system has been measured yet.</p>;
  return (
    <>
      <section aria-labelledby="comparison-title">
        <h2 id="comparison-title">What each keeps, and how well it predicts</h2>
        <ComparisonTable systems={systems} />
        {missing.length > 0 && <p class="note">Incomplete: {missing.join(", ")}.</p>}
        {diverged.map((run) => (
          <p key={run} class="note">
            Diverged: {run}.
          </p>
        ))}
      </section>
      <LineChart plot={plots.position}>
        <TableBelow name="Bits per byte by position" table={positionTable(comparison)} />
      </LineChart>
      {lengths && (
        <LineChart plot={plots.length}>
          <TableBelow name="Bits per byte by length" table={lengths} />
        </LineChart>
      )}
      <LineChart plot={plots.memory} />
      <LineChart plot={plots.loss} />
    </>
  );
}

// --- internal ---

function plotsOf(comparison: Comparison) {
  return {
    position: positionPlot(comparison),
    length: lengthPlot(comparison),
    memory: memoryPlot(comparison),
    loss: lossPlot(comparison),
  };
}
