import type { EChartsOption } from "echarts";
import type { Plot } from "./plots.ts";
import type { SystemResult } from "./results.ts";

/** Lines with their names on the right: there are too many for a legend row above. */
export function lineChart({ title, axis, places, logarithmic, lines }: Plot): EChartsOption {
  return {
    title: { text: title },
    legend: { orient: "vertical", left: 620, top: "middle" },
    grid: { left: 60, right: 300, bottom: 50, top: 50 },
    xAxis: { ...(places ? { type: "category", data: [...places] } : { type: "value" }), ...axisName(axis) },
    yAxis: logarithmic ? { type: "log" } : { type: "value", scale: true },
    series: lines.map(({ label, points }) => ({
      name: label,
      type: "line",
      connectNulls: true,
      showSymbol: points.length <= 10,
      data: points.map((point) => [...point]),
    })),
  };
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

function axisName(name: string): { name: string; nameLocation: "middle"; nameGap: number } {
  return { name, nameLocation: "middle", nameGap: 28 };
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String(i));
}
