import type { Mean, SystemResult } from "infini-lab/compare";
import type { JSX } from "preact";
import { formatBytes, formatCount } from "../shared/format.ts";
import { SortableTable, type Column } from "./sortable-table.tsx";

/** The systems of a comparison, a row each. */
export function ComparisonTable({ systems }: { readonly systems: readonly SystemResult[] }): JSX.Element {
  const seeds = Math.max(...systems.map(({ bitsPerByte }) => bitsPerByte.count));
  return (
    <>
      <SortableTable name="Comparison of systems" columns={columnsOf(systems)} rows={systems} rowKey={nameOf} />
      <p class="note">
        Fewer bits per byte are better{seeds > 1 ? "; ± is the standard error over seeds" : ""}. Memory is what one
        stream keeps. Compression is how many times fewer numbers are kept than by the model that keeps the most.
      </p>
    </>
  );
}

// --- internal ---

const nameOf = ({ name }: SystemResult): string => name;

function columnsOf(systems: readonly SystemResult[]): Column<SystemResult>[] {
  const most = Math.max(...systems.map(({ keptNumbers }) => keptNumbers));
  return [
    { name: "System", value: ({ label }) => label },
    { name: "Parameters", value: ({ parameters }) => parameters, format: formatCount },
    {
      name: "Bits per byte",
      value: ({ bitsPerByte }) => bitsPerByte.mean,
      format: (_, { bitsPerByte }) => withError(bitsPerByte),
    },
    { name: "Memory", value: ({ stateBytes }) => stateBytes, format: formatBytes },
    {
      name: "Compression",
      value: ({ keptNumbers }) => (keptNumbers > 0 ? most / keptNumbers : undefined),
      format: (times) => `${times.toFixed(1)} ×`,
    },
    { name: "Trains, tokens/s", value: (row) => row.trainingTokensPerSecond.mean, format: formatCount },
    { name: "Reads, tokens/s", value: (row) => row.streamingTokensPerSecond.mean, format: formatCount },
    { name: "Resident in training", value: ({ residentBytes }) => residentBytes, format: formatBytes },
  ];
}

function withError({ mean, standardError }: Mean): string {
  return standardError === undefined ? mean.toFixed(3) : `${mean.toFixed(3)} ± ${standardError.toFixed(3)}`;
}
