import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import UPlot from "uplot";
import { inShort, namedAxis, plainOptions, usePlot } from "./use-plot.ts";

export interface TraceChartProps {
  /** Position and value. */
  readonly points: readonly (readonly [number, number])[];
  /** The shortest scale. */
  readonly shortest: number;
  /** What the axes show, below and on the left. */
  readonly axes: readonly [below: string, beside: string];
  /** What it shows, in words for screen readers. */
  readonly label: string;
}

/** A line that grows as work progresses. */
export function TraceChart({ points, shortest, axes, label }: TraceChartProps): JSX.Element {
  const draw = (element: HTMLElement): UPlot => new UPlot(optionsFor(element, shortest, axes), [[], []], element);
  const { home, chart } = usePlot(draw, [shortest]);
  useEffect(() => {
    chart.current?.setData([points.map(([x]) => x), points.map(([, y]) => y)]);
  }, [points, shortest]);
  return <div ref={home} class="chart" role="img" aria-label={label} />;
}

// --- internal ---

const HEIGHT = 240;

function optionsFor(element: HTMLElement, shortest: number, [below, beside]: TraceChartProps["axes"]): UPlot.Options {
  const { axis, frame } = plainOptions(element);
  return {
    ...frame,
    height: HEIGHT,
    scales: { x: { time: false, range: (_, __, last) => [0, Math.max(shortest, last)] } },
    axes: [{ ...namedAxis(axis, below), size: 30, values: inShort }, namedAxis(axis, beside)],
    series: [{}, { stroke: () => getComputedStyle(element).accentColor, width: 2 }],
  };
}
