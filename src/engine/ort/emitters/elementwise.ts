import type { ElementwiseOps } from "../../../graph/ops.ts";
import {
  NEWER_OPS,
  DATA_TYPES,
  DataType,
  direct,
  int,
  text,
  type Emitter,
  type Emitters,
  type Writer,
} from "./emitter.ts";

/** Min or Max, or Clip where an operand is a constant scalar: ONNX Runtime's kernel for Clip is much faster. */
const extreme =
  (type: string, clipped: (x: string, bound: string) => string[]): Emitter<"min" | "max"> =>
  ({ inputs: operands, shape }, inputs) => {
    const bound = operands.findIndex((operand) => operand.op === "constant" && operand.shape.length === 0);
    const [a = "", b = ""] = bound === 0 ? inputs.toReversed() : inputs;
    return bound >= 0 && shape.length > 0 ? { type: "Clip", inputs: clipped(a, b) } : { type, inputs };
  };

export const elementwise: Emitters<keyof ElementwiseOps> = {
  neg: direct("Neg"),
  exp: direct("Exp"),
  log: direct("Log"),
  sqrt: direct("Sqrt"),
  sigmoid: direct("Sigmoid"),
  tanh: direct("Tanh"),
  elu: direct("Elu"),
  cast: ({ attributes: { to }, inputs: [x] }, inputs, writer) => ({
    type: "Cast",
    inputs: x?.dtype === "bfloat16" ? [floatsOfUpperHalves(inputs, writer)] : inputs,
    attributes: [int("to", DATA_TYPES[to])],
  }),
  add: direct("Add"),
  sub: direct("Sub"),
  // ONNX Runtime recognises RMSNorm, which it has a single kernel for, by the power of two.
  mul: ({ inputs: [a, b] }, inputs, writer) =>
    a === b ? { type: "Pow", inputs: [...inputs.slice(1), writer.float(2)] } : { type: "Mul", inputs },
  div: direct("Div"),
  min: extreme("Min", (x, bound) => [x, "", bound]),
  max: extreme("Max", (x, bound) => [x, bound]),
  equal: direct("Equal"),
  less: direct("Less"),
  where: direct("Where"),
};

// --- internal ---

/** The float32 numbers whose upper halves are given. */
function floatsOfUpperHalves(inputs: readonly string[], writer: Writer): string {
  const wide = writer.add({ type: "Cast", inputs, attributes: [int("to", DataType.UINT32)] });
  const left = text("direction", "LEFT");
  const bits = writer.add({ type: "BitShift", inputs: [wide, writer.uint32(16)], attributes: [left] });
  return writer.add({ type: "BitCast", inputs: [bits], attributes: [int("to", DataType.FLOAT)], from: NEWER_OPS });
}
