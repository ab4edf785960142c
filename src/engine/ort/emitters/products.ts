import type { ProductOps } from "../../../graph/ops.ts";
import { sizeOf } from "../../../tensor/host-tensor.ts";
import { direct, type Emitters } from "./emitter.ts";

export const products: Emitters<keyof ProductOps> = {
  matmul: direct("MatMul"),
  // The operator takes [batch, heads, T, d] and tables [batch, T, d/2], or one table [T, d/2] and positions [batch, T] in
  // it. It goes from head to head within a position, so giving each head a lane makes it go through memory in order.
  rotate: ({ shape, inputs: [, ...operands] }, [x = "", ...tables], writer) => {
    const [rows, size] = shape.slice(-2) as [number, number];
    const shared = operands.every((table) => table.shape.at(-2) === rows && sizeOf(table.shape) === (rows * size) / 2);
    const reshaped = (name: string, dims: readonly number[]): string =>
      writer.add({ type: "Reshape", inputs: [name, writer.int64s(dims)] });
    const spread = (name: string): string =>
      shared ? name : writer.add({ type: "Expand", inputs: [name, writer.int64s([...shape.slice(0, -1), size / 2])] });
    const angles = tables.map((name) => reshaped(spread(name), [...(shared ? [] : [-1]), rows, size / 2]));
    const lanes = sizeOf(shape.slice(0, -2));
    const inputs = [reshaped(x, [lanes, 1, rows, size]), ...angles, ...(shared ? [writer.positions(lanes, rows)] : [])];
    return { type: "Reshape", inputs: [writer.add({ type: "RotaryEmbedding", inputs }), writer.int64s(shape)] };
  },
};
