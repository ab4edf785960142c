import type { EChartsOption } from "echarts";
import { renderSvg } from "../terminal/chart.ts";
import { escapeHtml, htmlPage } from "../terminal/html.ts";
import { formatCount } from "../terminal/output.ts";
import { isStep, isValidation, type MetricsLine } from "./metrics.ts";

/** The log of a run as a self-contained HTML page. */
export async function renderTrainingReport(name: string, lines: readonly MetricsLine[]): Promise<string> {
  const charts = [await renderSvg(lossChart(lines)), await renderSvg(rateChart(lines))];
  return htmlPage(
    `Training ${name}`,
    `<p>${escapeHtml(summary(lines))}</p>\n${charts.map((svg) => `<figure>${svg}</figure>`).join("\n")}`,
  );
}

/** Means over windows of neighbours, so that at most `most` points are left. */
export function smoothed(points: readonly (readonly [x: number, y: number])[], most = 200): [number, number][] {
  const size = Math.max(1, Math.ceil(points.length / most));
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) => {
    const window = points.slice(i * size, (i + 1) * size);
    const mean = window.reduce((sum, [, y]) => sum + y, 0) / window.length;
    return [window.at(-1)?.[0] ?? 0, mean];
  });
}

// --- internal ---

function summary(lines: readonly MetricsLine[]): string {
  const [last, validations] = [lines.findLast(isStep), lines.filter(isValidation)];
  const best = validations.toSorted((a, b) => a.bitsPerByte - b.bitsPerByte)[0];
  const steps = last
    ? `${formatCount(last.step)} steps; loss of the last ${last.loss.toFixed(3)} nats.`
    : "No step yet.";
  if (!best) return steps;
  return `${steps} Best validation: ${best.bitsPerByte.toFixed(4)} bits per byte after step ${formatCount(best.step)}.`;
}

const stepAxis = { type: "value", name: "step", nameLocation: "middle", nameGap: 28 } as const;
/** An axis must not have zero length. */
const LEAST_RATE = 1e-9;
const GRID = { left: 80, right: 80, bottom: 50, top: 80 };

function lossChart(lines: readonly MetricsLine[]): EChartsOption {
  const validations = lines.filter(isValidation);
  return {
    title: { text: "Loss" },
    legend: { top: 36 },
    grid: GRID,
    xAxis: stepAxis,
    yAxis: [
      { type: "value", name: "nats per token", scale: true },
      { type: "value", name: "bits per byte", scale: true, show: validations.length > 0 },
    ],
    series: [
      {
        name: "training, smoothed",
        type: "line",
        showSymbol: false,
        data: smoothed(lines.filter(isStep).map(({ step, loss }) => [step, loss])),
      },
      {
        name: "validation",
        type: "line",
        yAxisIndex: 1,
        data: validations.map(({ step, bitsPerByte }) => [step, bitsPerByte]),
      },
    ],
  };
}

function rateChart(lines: readonly MetricsLine[]): EChartsOption {
  return {
    title: { text: "Learning rate" },
    grid: GRID,
    xAxis: stepAxis,
    yAxis: { type: "value", min: 0, max: ({ max }) => Math.max(max, LEAST_RATE) },
    series: [
      {
        type: "line",
        showSymbol: false,
        data: smoothed(lines.filter(isStep).map(({ step, learningRate }) => [step, learningRate])),
      },
    ],
  };
}
