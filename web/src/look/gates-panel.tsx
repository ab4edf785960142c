import type { SegmentLook } from "infini-transformer/runtime";
import type { JSX } from "preact";

export interface GatesPanelProps {
  readonly segment: SegmentLook;
}

/** The gates of all heads, averaged over the segment where they depend on the token. */
export function GatesPanel({ segment: { layers } }: GatesPanelProps): JSX.Element {
  const heads = layers[0] ?? [];
  return (
    <section aria-labelledby="gates-title">
      <h2 id="gates-title">4. The gates</h2>
      <p class="note">
        The learned σ(β) of each head: 0 is local attention only, 1 the memory only. Where it depends on the token, this
        is the mean over the segment. Even an open gate adds nothing while the memory is empty.
      </p>
      <table class="gates" aria-labelledby="gates-title">
        <thead>
          <tr>
            <td />
            {heads.map((_, head) => (
              <th key={head} scope="col">
                Head {head + 1}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {layers.map((row, layer) => (
            <tr key={layer}>
              <th scope="row">Layer {layer + 1}</th>
              {row.map(({ gate }, head) => (
                <td key={head} style={{ "--share": `${Math.round(100 * mean(gate))}%` }}>
                  {mean(gate).toFixed(2)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

// --- internal ---

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
