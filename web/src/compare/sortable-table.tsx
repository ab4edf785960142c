import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { WideTable } from "./text-table.tsx";

/** A column. The first one names the rows. */
export interface Column<Row> {
  readonly name: string;
  /** What to sort by; rows where it is undefined come last. */
  value(row: Row): number | string | undefined;
  /** How a number is shown. Default: as it is. */
  format?(value: number, row: Row): string;
}

export interface SortableTableProps<Row> {
  readonly name: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  rowKey(row: Row): string;
}

interface Order {
  readonly column: string;
  readonly direction: "ascending" | "descending";
}

/** A table sorted by clicking the head of a column; a second click reverses the order. */
export function SortableTable<Row>({ name, columns, rows, rowKey }: SortableTableProps<Row>): JSX.Element {
  const [order, setOrder] = useState<Order>();
  const sortBy = (column: string): void =>
    setOrder({
      column,
      direction: order?.column === column && order.direction === "ascending" ? "descending" : "ascending",
    });
  return (
    <WideTable name={name}>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column.name} scope="col" aria-sort={order?.column === column.name ? order.direction : "none"}>
              <button type="button" onClick={() => sortBy(column.name)}>
                {column.name}
              </button>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {sorted(rows, columns, order).map((row) => (
          <tr key={rowKey(row)}>
            {columns.map((column, i) =>
              i === 0 ? (
                <th key={column.name} scope="row">
                  {shownOf(column, row)}
                </th>
              ) : (
                <td key={column.name}>{shownOf(column, row)}</td>
              ),
            )}
          </tr>
        ))}
      </tbody>
    </WideTable>
  );
}

// --- internal ---

function sorted<Row>(rows: readonly Row[], columns: readonly Column<Row>[], order: Order | undefined): readonly Row[] {
  const column = columns.find(({ name }) => name === order?.column);
  if (!column || !order) return rows;
  const sign = order.direction === "ascending" ? 1 : -1;
  return rows.toSorted((a, b) => compared(column.value(a), column.value(b), sign));
}

function compared(a: number | string | undefined, b: number | string | undefined, sign: number): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
}

function shownOf<Row>({ value, format }: Column<Row>, row: Row): string {
  const found = value(row);
  if (found === undefined || Number.isNaN(found)) return "–";
  return typeof found === "number" && format ? format(found, row) : String(found);
}
