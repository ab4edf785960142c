import { useEffect, useRef } from "preact/hooks";
import type UPlot from "uplot";
import { formatShort } from "./format.ts";

/** Draws a chart into the element of `home`, with its width and colours, and again when an input changes. */
export function usePlot(draw: (element: HTMLElement) => UPlot, inputs: readonly unknown[]) {
  const home = useRef<HTMLDivElement>(null);
  const chart = useRef<UPlot | undefined>(undefined);
  useEffect(() => {
    const element = home.current;
    if (!element) return;
    const drawn = draw(element);
    const observer = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: drawn.height }));
    observer.observe(element);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const redraw = (): void => drawn.redraw();
    dark.addEventListener("change", redraw);
    chart.current = drawn;
    return () => {
      dark.removeEventListener("change", redraw);
      observer.disconnect();
      drawn.destroy();
    };
  }, inputs);
  return { home, chart };
}

/** What all charts have in common: the colours of an element for axes, no legend and no cursor. */
export function plainOptions(element: HTMLElement) {
  const style = getComputedStyle(element);
  return {
    axis: {
      stroke: () => style.color,
      grid: { stroke: () => style.borderTopColor, width: 1 },
      ticks: { show: false },
    },
    frame: { width: element.clientWidth, legend: { show: false }, cursor: { show: false } },
  };
}

/** An axis with a name. */
export function namedAxis(look: UPlot.Axis, name: string): UPlot.Axis {
  return { ...look, label: name, labelSize: 20 };
}

/** Numbers short enough that the last one of an axis has room. */
export function inShort(_: UPlot, values: number[]): string[] {
  return values.map(formatShort);
}
