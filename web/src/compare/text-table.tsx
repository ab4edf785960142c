import type { TextTable as Table } from "infini-lab/compare";
import type { ComponentChildren, JSX } from "preact";

export interface TextTableProps {
  readonly name: string;
  readonly table: Table;
}

/** A table as the library makes it. A cell without text was not measured. */
export function TextTable({ name, table: { head, rows } }: TextTableProps): JSX.Element {
  return (
    <WideTable name={name}>
      <thead>
        <tr>
          {head.map((title) => (
            <th key={title} scope="col">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(([first, ...cells], row) => (
          <tr key={row}>
            <th scope="row">{first}</th>
            {cells.map((cell, i) => (
              <td key={head[i + 1]}>{cell || "–"}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </WideTable>
  );
}

/** A table that a click opens. */
export function TableBelow(props: TextTableProps): JSX.Element {
  return (
    <details>
      <summary>As a table</summary>
      <TextTable {...props} />
    </details>
  );
}

/** A table that scrolls sideways where it is wider than the page. */
export function WideTable({
  name,
  children,
}: {
  readonly name: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <div class="wide" role="region" aria-label={name} tabIndex={0}>
      <table>{children}</table>
    </div>
  );
}
