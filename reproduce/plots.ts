import { renderSvg } from "../src/cli/chart.ts";

export interface Line {
  readonly label: string;
  /** Place on the axis and share in 0..1. */
  readonly points: readonly (readonly [x: number, share: number])[];
}

/** Lines over places that are set side by side, however far apart their numbers are: they grow by factors. */
export async function linePlot(title: string, axis: string, lines: readonly Line[]): Promise<string> {
  const places = [...new Set(lines.flatMap(({ points }) => points.map(([x]) => x)))].toSorted((a, b) => a - b);
  return renderSvg({
    title: { text: title },
    legend: { top: 36 },
    grid: { left: 60, right: 30, bottom: 50, top: 90 },
    xAxis: {
      type: "category",
      name: axis,
      nameLocation: "middle",
      nameGap: 28,
      data: places.map((place) => place.toLocaleString("en-US")),
    },
    yAxis: { type: "value", min: 0, max: 1 },
    series: lines.map(({ label, points }) => ({
      name: label,
      type: "line",
      connectNulls: true,
      data: places.map((place) => points.find(([x]) => x === place)?.[1] ?? null),
    })),
  });
}
