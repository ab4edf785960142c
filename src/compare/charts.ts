import type { EChartsOption } from "echarts";
import type { Comparison, SystemResult } from "./results.ts";
import { binLabel } from "./tables.ts";

/** Cross-entropy of the training text over the tokens trained on, of the first seed of each system. */
export function lossChart({ systems }: Comparison): EChartsOption {
  return lineChart("Training: bits per byte", {
    xAxis: { type: "value", ...axisName("tokens trained on") },
    lines: systems.map(({ label, loss }) => ({
      label,
      data: loss.map(([tokens, nats]) => [tokens, nats / Math.LN2]),
    })),
  });
}

/** Bits per byte of test documents over the position in the document. */
export function positionChart({ systems, title }: Comparison): EChartsOption {
  const bins = systems.map(({ byPosition }) => byPosition).toSorted((a, b) => b.length - a.length)[0] ?? [];
  return lineChart(`${title}: bits per byte by position in the document`, {
    xAxis: { type: "category", data: bins.map(binLabel), ...axisName("place in the document, tokens") },
    lines: systems.map(({ label, byPosition }) => ({
      label,
      data: byPosition.map(({ bitsPerByte }) => bitsPerByte.mean),
    })),
  });
}

/** Bits per byte of test documents over the length of training sequences. */
export function lengthChart({ lengths, title }: Comparison): EChartsOption {
  const places = [...new Set(lengths.map(({ length }) => length))].toSorted((a, b) => a - b);
  const labels = [...new Set(lengths.map(({ label }) => label))];
  return lineChart(`${title}: bits per byte by the length of training sequences, as many tokens in all`, {
    xAxis: {
      type: "category",
      data: places.map((place) => place.toLocaleString("en-US")),
      ...axisName("tokens of a training sequence"),
    },
    lines: labels.map((label) => ({
      label,
      data: places.map(
        (place) => lengths.find((row) => row.label === label && row.length === place)?.bitsPerByte ?? null,
      ),
    })),
  });
}

const LENGTHS = [1, 4, 16, 64, 256, 1024];

/** What one stream keeps over its length, beside a key/value cache of full attention. */
export function memoryChart({ systems }: Comparison): EChartsOption {
  const perToken = systems[0]?.keyValueBytesPerToken ?? 0;
  const inMegabytes = (bytes: number): number => bytes / 1e6;
  return lineChart("Memory of one stream, MB", {
    xAxis: { type: "category", data: LENGTHS.map((length) => `${length}K`), ...axisName("tokens read") },
    yAxis: { type: "log" },
    lines: [
      ...systems.map(({ label, stateBytes }) => ({ label, data: LENGTHS.map(() => inMegabytes(stateBytes)) })),
      {
        label: "key/value cache of full attention",
        data: LENGTHS.map((length) => inMegabytes(1024 * length * perToken)),
      },
    ],
  });
}

/** Figure 3 of the paper: the share of the memory in each head, layer by layer. Nothing for a system without gates. */
export function gateChart({ label, gates }: SystemResult): EChartsOption | undefined {
  if (gates.length === 0) return undefined;
  const heads = Math.max(...gates.map(({ length }) => length));
  return {
    title: { text: `${label}: gates, 0 local, 1 memory` },
    grid: { left: 70, right: 110, top: 50, bottom: 50 },
    xAxis: { type: "category", data: numbered(heads), ...axisName("head") },
    yAxis: { type: "category", data: numbered(gates.length), inverse: true, name: "layer", nameLocation: "start" },
    visualMap: {
      min: 0,
      max: 1,
      calculable: true,
      orient: "vertical",
      right: 10,
      top: "center",
      inRange: { color: ["#2166ac", "#f7f7f7", "#b2182b"] },
    },
    series: [
      {
        type: "heatmap",
        data: gates.flatMap((row, layer) => row.map((gate, head) => [head, layer, Number(gate.toFixed(3))])),
        label: { show: true },
      },
    ],
  };
}

// --- internal ---

interface Lines {
  readonly xAxis: EChartsOption["xAxis"];
  readonly yAxis?: EChartsOption["yAxis"];
  readonly lines: readonly {
    readonly label: string;
    readonly data: readonly (number | null | readonly number[])[];
  }[];
}

/** Lines with their names beside them: there are too many for a row above. */
function lineChart(text: string, { xAxis, yAxis = { type: "value", scale: true }, lines }: Lines): EChartsOption {
  return {
    title: { text },
    legend: { orient: "vertical", left: 620, top: "middle" },
    grid: { left: 60, right: 300, bottom: 50, top: 50 },
    xAxis: xAxis ?? {},
    yAxis,
    series: lines.map(({ label, data }) => ({
      name: label,
      type: "line",
      connectNulls: true,
      showSymbol: data.length <= 10,
      data: data.map((point) => (typeof point === "number" || point === null ? point : [...point])),
    })),
  };
}

function axisName(name: string): { name: string; nameLocation: "middle"; nameGap: number } {
  return { name, nameLocation: "middle", nameGap: 28 };
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String(i));
}
