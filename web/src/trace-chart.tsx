import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import UPlot from "uplot";

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
  const home = useRef<HTMLDivElement>(null);
  const chart = useRef<UPlot | undefined>(undefined);
  useEffect(() => {
    const element = home.current;
    if (!element) return;
    const plot = new UPlot(optionsFor(element, shortest), [[], []], element);
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    chart.current = plot;
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [shortest]);
  useEffect(() => {
    chart.current?.setData([points.map(([x]) => x), points.map(([, y]) => y)]);
  }, [points, shortest]);
  return <div ref={home} class="chart" role="img" aria-label={label} />;
}

// --- internal ---

const HEIGHT = 240;
function optionsFor(element: HTMLElement, shortest: number): UPlot.Options {
  const style = getComputedStyle(element);
  const axis = {
    stroke: () => style.color,
    grid: { stroke: () => style.borderTopColor, width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false, range: (_, __, last) => [0, Math.max(shortest, last)] } },
    axes: [axis, axis],
    series: [{}, { stroke: () => style.accentColor, width: 2 }],
  };
}
