import type { Emitters } from "./emitter.ts";

/**
 * Operators without a WebGPU kernel in ONNX Runtime, which would compute them on the CPU in the middle of a run,
 * written with others.
 */
export const webgpuOnly: Emitters<"elu" | "logSoftmax"> = {
  // max(x, 0) + exp(min(x, 0)) - 1
  elu: (_, [x = ""], writer) => {
    const below = writer.add({ type: "Clip", inputs: [x, "", writer.float(0)] });
    const grown = writer.add({ type: "Exp", inputs: [below] });
    const lowered = writer.add({ type: "Sub", inputs: [grown, writer.float(1)] });
    return { type: "Add", inputs: [writer.add({ type: "Relu", inputs: [x] }), lowered] };
  },
  // x - max(x) - log(sum(exp(x - max(x))))
  logSoftmax: (_, [x = ""], writer) => {
    const axes = writer.int64s([-1]);
    const largest = writer.add({ type: "ReduceMax", inputs: [x, axes] });
    const shifted = writer.add({ type: "Sub", inputs: [x, largest] });
    const powers = writer.add({ type: "Exp", inputs: [shifted] });
    const total = writer.add({ type: "ReduceSum", inputs: [powers, axes] });
    return { type: "Sub", inputs: [shifted, writer.add({ type: "Log", inputs: [total] })] };
  },
};
