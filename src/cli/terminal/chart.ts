import type { EChartsOption } from "echarts";

/** A chart as SVG text. Charts of one process that are drawn in the same order have the same bytes every time. */
export async function renderSvg(option: EChartsOption, width = 900, height = 380): Promise<string> {
  const { init } = await import("echarts");
  const chart = init(null, null, { renderer: "svg", ssr: true, width, height });
  chart.setOption({ animation: false, backgroundColor: "#fff", ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
