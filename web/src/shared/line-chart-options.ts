import type { Plot } from "infini-lab/compare";
import type UPlot from "uplot";
import { inShort, namedAxis, plainOptions } from "./use-plot.ts";

/** The colour of a line on light or on dark: hues that are far apart, however many there are. */
export function lineColour(line: number, dark: boolean): string {
  return `oklch(${dark ? 0.76 : 0.52} 0.15 ${Math.round((line * GOLDEN_ANGLE + 20) % 360)})`;
}

/** Every other line is dashed. */
export function dashOf(line: number): number[] | undefined {
  return line % 2 === 1 ? [6, 4] : undefined;
}

/** The positions of all lines in one row, then a row for each line with gaps where it has no point. */
export function dataOf({ lines }: Plot): UPlot.AlignedData {
  const places = [...new Set(lines.flatMap(({ points }) => points.map(([x]) => x)))].toSorted((a, b) => a - b);
  const values = lines.map(({ points }) => {
    const at = new Map(points);
    return places.map((place) => at.get(place) ?? null);
  });
  return [places, ...values];
}

/** How a plot is drawn in an element, whose colours it takes. */
export function optionsFor({ axis, places, logarithmic, lines }: Plot, element: HTMLElement): UPlot.Options {
  const { axis: look, frame } = plainOptions(element);
  return {
    ...frame,
    height: HEIGHT,
    scales: {
      x: { time: false, ...(places && { range: [-MARGIN, places.length - 1 + MARGIN] }) },
      y: { distr: logarithmic ? 3 : 1 },
    },
    axes: [{ ...namedAxis(look, axis), ...(places ? namedPlaces(places) : { values: inShort }) }, look],
    series: [
      {},
      ...lines.map(({ label }, i): UPlot.Series => ({
        label,
        stroke: () => lineColour(i, matchMedia("(prefers-color-scheme: dark)").matches),
        width: 2,
        ...(dashOf(i) && { dash: [6, 4] }),
        spanGaps: true,
        points: { show: places !== undefined, size: 5 },
      })),
    ],
  };
}

// --- internal ---

const HEIGHT = 280;
const GOLDEN_ANGLE = 137.5;
/** Margin before the first and after the last position, as a share of their distance. */
const MARGIN = 0.3;
const LETTER_PIXELS = 7;

/** Labels for as many as there is room for. */
function namedPlaces(places: readonly string[]): UPlot.Axis {
  const longest = Math.max(...places.map(({ length }) => length)) * LETTER_PIXELS + 10;
  return {
    splits: () => places.map((_, i) => i),
    values: (plot) => {
      const every = Math.max(1, Math.ceil((places.length * longest) / plot.width));
      return places.map((name, i) => (i % every === 0 ? name : ""));
    },
  };
}
