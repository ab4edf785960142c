import type { LayoutOps } from "../../../graph/ops.ts";
import { int, ints, type Emitters } from "./emitter.ts";

export const layout: Emitters<keyof LayoutOps> = {
  transpose: ({ attributes: { permutation } }, inputs) => ({
    type: "Transpose",
    inputs,
    attributes: [ints("perm", permutation)],
  }),
  reshape: ({ attributes: { shape } }, inputs, writer) => ({
    type: "Reshape",
    inputs: [...inputs, writer.int64s(shape)],
  }),
  broadcastTo: ({ attributes: { shape } }, inputs, writer) => ({
    type: "Expand",
    inputs: [...inputs, writer.int64s(shape)],
  }),
  concat: ({ attributes: { axis } }, inputs) => ({ type: "Concat", inputs, attributes: [int("axis", axis)] }),
  slice: ({ attributes: { axis, start, end } }, inputs, writer) => ({
    type: "Slice",
    inputs: [...inputs, writer.int64s([start]), writer.int64s([end]), writer.int64s([axis])],
  }),
  // All axes are given: with the optional list of axes, ONNX Runtime's transpose optimizer misinterprets the pads.
  pad: ({ attributes: { axis, before, after }, shape }, inputs, writer) => {
    const none = shape.map(() => 0);
    return { type: "Pad", inputs: [...inputs, writer.int64s([...none.with(axis, before), ...none.with(axis, after)])] };
  },
};
