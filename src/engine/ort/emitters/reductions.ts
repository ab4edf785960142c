import type { Op, ReductionOps } from "../../../graph/ops.ts";
import { int, type Emitter, type Emitters } from "./emitter.ts";

const along =
  (type: string): Emitter<Op> =>
  (_, inputs) => ({ type, inputs, attributes: [int("axis", -1)] });

const reduction =
  (type: string): Emitter<"sum" | "mean"> =>
  ({ attributes: { axes, keepAxes } }, inputs, writer) => ({
    type,
    inputs: [...inputs, writer.int64s(axes)],
    attributes: [int("keepdims", keepAxes ? 1 : 0), int("noop_with_empty_axes", 1)],
  });

export const reductions: Emitters<keyof ReductionOps> = {
  sum: reduction("ReduceSum"),
  mean: reduction("ReduceMean"),
  cumulativeSum: ({ attributes: { axis, exclusive, reverse } }, inputs, writer) => ({
    type: "CumSum",
    inputs: [...inputs, writer.int64s([axis])],
    attributes: [int("exclusive", exclusive ? 1 : 0), int("reverse", reverse ? 1 : 0)],
  }),
  softmax: along("Softmax"),
  logSoftmax: along("LogSoftmax"),
  kthLargest: ({ attributes: { k }, inputs: [x] }, inputs, writer) => {
    const last = (x?.shape.length ?? 1) - 1;
    const largest = writer.add({ type: "TopK", inputs: [...inputs, writer.int64s([k])], unread: 1 });
    return { type: "Slice", inputs: [largest, writer.int64s([k - 1]), writer.int64s([k]), writer.int64s([last])] };
  },
};
