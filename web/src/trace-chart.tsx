import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import UPlot from "uplot";
import { plainOptions, usePlot } from "./use-plot.ts";

export interface TraceChartProps {
  /** Where, and how much there. */
  readonly points: readonly (readonly [number, number])[];
  /** The scale is never shorter. */
  readonly shortest: number;
  /** What it shows, for those who do not see it. */
  readonly label: string;
}

/** A line that grows as something goes on. */
export function TraceChart({ points, shortest, label }: TraceChartProps): JSX.Element {
  const { home, chart } = usePlot((element) => new UPlot(optionsFor(element, shortest), [[], []], element), [shortest]);
  useEffect(() => {
    chart.current?.setData([points.map(([x]) => x), points.map(([, y]) => y)]);
  }, [points, shortest]);
  return <div ref={home} class="chart" role="img" aria-label={label} />;
}

// --- internal ---

const HEIGHT = 240;

function optionsFor(element: HTMLElement, shortest: number): UPlot.Options {
  const { axis, frame } = plainOptions(element);
  return {
    ...frame,
    height: HEIGHT,
    scales: { x: { time: false, range: (_, __, last) => [0, Math.max(shortest, last)] } },
    axes: [axis, axis],
    series: [{}, { stroke: () => getComputedStyle(element).accentColor, width: 2 }],
  };
}
