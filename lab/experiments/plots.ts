import { renderSvg } from "../../src/cli/terminal/chart.ts";
import type { Plot } from "../compare/plots.ts";

/** Shares as lines over evenly spaced places. */
export async function sharesChart({ title, axis, places = [], lines }: Plot): Promise<string> {
  return renderSvg({
    title: { text: title },
    legend: { top: 36 },
    grid: { left: 60, right: 30, bottom: 50, top: 90 },
    xAxis: { type: "category", name: axis, nameLocation: "middle", nameGap: 28, data: [...places] },
    yAxis: { type: "value", min: 0, max: 1 },
    series: lines.map(({ label, points }) => ({
      name: label,
      type: "line",
      connectNulls: true,
      data: places.map((_, i) => points.find(([x]) => x === i)?.[1] ?? null),
    })),
  });
}
