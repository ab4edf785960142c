import type { EChartsOption } from "echarts";
import type { BookAnswer } from "../../evaluate/book.ts";
import type { ModelConfig } from "../../model/config.ts";
import { keyValueCacheBytes } from "../../model/cost.ts";
import { renderSvg } from "./chart.ts";
import { htmlPage, htmlTable } from "./html.ts";
import { formatBytes, formatCount } from "./output.ts";

/** What `infini demo` measured; also its JSON output. */
export interface DemoResult {
  readonly model: ModelConfig;
  readonly bookTokens: number;
  /** Copies of the book read side by side. */
  readonly lanes: number;
  /** Over all lanes, not counting questions. */
  readonly tokensPerSecond: number;
  readonly stateBytesPerLane: number;
  readonly keyValueCacheBytesPerLane: number;
  readonly peakRssBytes: number;
  readonly answers: readonly BookAnswer[];
  /** Taken along the way; `tokens` are those of one lane. */
  readonly samples: readonly { readonly tokens: number; readonly tokensPerSecond: number; readonly rssBytes: number }[];
}

/** The result as a self-contained HTML page. */
export async function renderReport(result: DemoResult): Promise<string> {
  const charts = [await renderSvg(memoryChart(result)), await renderSvg(speedChart(result))];
  const rows = result.answers.map(({ position, distance, key, answer, right }) => [
    `${((100 * position) / result.bookTokens).toFixed(0)} %`,
    formatCount(distance),
    key,
    answer || "none",
    right ? "right" : "wrong",
  ]);
  return htmlPage(
    "Keys in a book",
    `<p>${result.lanes} copies of a book of ${formatCount(result.bookTokens)} tokens, each with a pass key hidden in it, read side by side at
${formatCount(result.tokensPerSecond)} tokens/s. The state of a copy takes ${formatBytes(result.stateBytesPerLane)} at every length; a key/value cache of
the book would take ${formatBytes(result.keyValueCacheBytesPerLane)}. Resident memory was at most ${formatBytes(result.peakRssBytes)}.</p>
${htmlTable(["key hidden at", "asked after (tokens)", "key", "answer", ""], rows)}
${charts.map((svg) => `<figure>${svg}</figure>`).join("\n")}`,
  );
}

// --- internal ---

const tokensAxis = { type: "value", name: "tokens read", nameLocation: "middle", nameGap: 28 } as const;
const GRID = { left: 80, right: 30, bottom: 50, top: 60 };

function memoryChart({ samples, stateBytesPerLane, model }: DemoResult): EChartsOption {
  return {
    title: { text: "What one reader keeps" },
    legend: { top: 36 },
    grid: { ...GRID, top: 80 },
    xAxis: tokensAxis,
    yAxis: { type: "log", axisLabel: { formatter: formatBytes } },
    series: [
      {
        name: "infini-transformer",
        type: "line",
        showSymbol: false,
        data: samples.map(({ tokens }) => [tokens, stateBytesPerLane]),
      },
      {
        name: "key/value cache",
        type: "line",
        showSymbol: false,
        data: samples.map(({ tokens }) => [tokens, keyValueCacheBytes(model, tokens)]),
      },
    ],
  };
}

function speedChart({ samples }: DemoResult): EChartsOption {
  return {
    title: { text: "Speed so far, tokens per second over all copies" },
    grid: GRID,
    xAxis: tokensAxis,
    yAxis: { type: "value", min: 0 },
    series: [
      {
        type: "line",
        showSymbol: false,
        data: samples.map(({ tokens, tokensPerSecond }) => [tokens, Math.round(tokensPerSecond)]),
      },
    ],
  };
}
