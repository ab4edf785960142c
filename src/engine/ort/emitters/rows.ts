import type { RowOps } from "../../../graph/ops.ts";
import { DataType, direct, int, text, type Emitters } from "./emitter.ts";

export const rows: Emitters<keyof RowOps> = {
  gather: direct("Gather"),
  scatterAdd: ({ inputs: operands, shape }, inputs, writer) => {
    const [updates = "", indices = ""] = inputs;
    const toInt64 = [int("to", DataType.INT64)];
    const indexShape = writer.int64s([...(operands[1]?.shape ?? []), 1]);
    // Reshaped while they are narrow: WebGPU has no kernel that reshapes int64.
    const narrow = writer.add({ type: "Reshape", inputs: [indices, indexShape] });
    const columns = writer.add({ type: "Cast", inputs: [narrow], attributes: toInt64 });
    const table = writer.add({ type: "ConstantOfShape", inputs: [writer.int64s(shape)] });
    const additive = text("reduction", "add");
    return { type: "ScatterND", inputs: [table, columns, updates], attributes: [additive] };
  },
};
