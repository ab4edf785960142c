import type { ProductOps } from "../../../graph/ops.ts";
import { sizeOf, type Shape } from "../../../tensor/host-tensor.ts";
import { direct, type Emitters } from "./emitter.ts";

export const products: Emitters<keyof ProductOps> = {
  matmul: direct("MatMul"),
  // The operator takes [batch, heads, T, d] and tables [batch, T, d/2], or one table [T, d/2] and positions [batch, T] in
  // it. It goes from head to head within a position, so giving each head a lane makes it go through memory in order; tables that
  // differ between the lanes of x alone are left as they are.
  rotate: ({ shape, inputs: [, ...operands] }, [x = "", ...tables], writer) => {
    const [rows, size] = shape.slice(-2) as [number, number];
    const shared = operands.every((table) => table.shape.at(-2) === rows && sizeOf(table.shape) === (rows * size) / 2);
    const reshaped = (name: string, dims: readonly number[]): string =>
      writer.add({ type: "Reshape", inputs: [name, writer.int64s(dims)] });
    const lanes = sizeOf(shape.slice(0, -2));
    const outer = shape[0] ?? 1;
    const ofLanes = !shared && operands.every((table) => isTableOfLanes(table.shape, shape));
    const spread = (name: string): string =>
      shared || ofLanes
        ? name
        : writer.add({ type: "Expand", inputs: [name, writer.int64s([...shape.slice(0, -1), size / 2])] });
    const angles = tables.map((name) => reshaped(spread(name), [...(shared ? [] : [-1]), rows, size / 2]));
    const heads = ofLanes ? [outer, lanes / outer] : [lanes, 1];
    const inputs = [reshaped(x, [...heads, rows, size]), ...angles, ...(shared ? [writer.positions(lanes, rows)] : [])];
    return { type: "Reshape", inputs: [writer.add({ type: "RotaryEmbedding", inputs }), writer.int64s(shape)] };
  },
};

// --- internal ---

/** Whether a table [B, 1, .., T, d/2] has angles for each lane of x [B, .., T, d], which all of its heads share. */
function isTableOfLanes(table: Shape, x: Shape): boolean {
  const [rows] = x.slice(-2);
  if (table.length !== x.length || x.length < 3) return false;
  return table[0] === x[0] && table.at(-2) === rows && table.slice(1, -2).every((size) => size === 1);
}
