import type { StepMetrics } from "infini-transformer/train";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import UPlot from "uplot";

export interface LossChartProps {
  readonly metrics: readonly StepMetrics[];
}

/** The loss over the steps, as it comes. */
export function LossChart({ metrics }: LossChartProps): JSX.Element {
  const home = useRef<HTMLDivElement>(null);
  const chart = useRef<UPlot | undefined>(undefined);
  useEffect(() => {
    const element = home.current;
    if (!element) return;
    const plot = new UPlot(optionsFor(element), [[], []], element);
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    chart.current = plot;
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, []);
  useEffect(() => {
    chart.current?.setData([metrics.map(({ step }) => step), metrics.map(({ loss }) => loss)]);
  }, [metrics]);
  const [first, last] = [metrics[0], metrics.at(-1)];
  const label = first && last ? `Loss from ${first.loss.toFixed(2)} to ${last.loss.toFixed(2)}` : "Loss, not yet known";
  return <div ref={home} class="chart" role="img" aria-label={label} />;
}

// --- internal ---

const HEIGHT = 240;
/** The scale is never shorter. */
const FEWEST_STEPS = 50;

function optionsFor(element: HTMLElement): UPlot.Options {
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
    scales: { x: { time: false, range: (_, __, last) => [0, Math.max(FEWEST_STEPS, last)] } },
    axes: [axis, axis],
    series: [{}, { label: "loss", stroke: () => style.accentColor, width: 2 }],
  };
}
