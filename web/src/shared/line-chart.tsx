import type { Plot } from "infini-lab/compare";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useState } from "preact/hooks";
import UPlot from "uplot";
import { dataOf, dashOf, lineColour, optionsFor } from "./line-chart-options.ts";
import { usePlot } from "./use-plot.ts";

export interface LineChartProps {
  readonly plot: Plot;
  /** What is shown below it. */
  readonly children?: ComponentChildren;
}

/** A section with a plot whose lines can each be hidden and shown. */
export function LineChart({ plot, children }: LineChartProps): JSX.Element {
  const id = useId();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const { home, chart } = usePlot((element) => new UPlot(optionsFor(plot, element), dataOf(plot), element), [plot]);
  useEffect(() => {
    plot.lines.forEach(({ label }, i) => chart.current?.setSeries(i + 1, { show: !hidden.has(label) }));
  }, [plot, hidden]);
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{plot.title}</h2>
      <div ref={home} class="chart" role="img" aria-label={`${plot.title}, over ${plot.axis}`} />
      <ul class="legend" aria-label="Lines">
        {plot.lines.map(({ label }, i) => (
          <li key={label}>
            <button
              type="button"
              aria-pressed={!hidden.has(label)}
              onClick={() => setHidden(toggled(hidden, label))}
              style={{ "--line-colour": `light-dark(${lineColour(i, false)}, ${lineColour(i, true)})` }}
            >
              <i class={dashOf(i) ? "dashed" : ""} /> {label}
            </button>
          </li>
        ))}
      </ul>
      {children}
    </section>
  );
}

// --- internal ---

function toggled(labels: ReadonlySet<string>, label: string): ReadonlySet<string> {
  const others = new Set(labels);
  if (!others.delete(label)) others.add(label);
  return others;
}
