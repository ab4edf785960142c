import type { BlockOps } from "../../../graph/ops.ts";
import type { Tensor } from "../../../graph/tensor.ts";
import { BLOCK_SIZE, codeBits } from "../../../tensor/blocks.ts";
import { int, MICROSOFT_OPS, type Emitters } from "./emitter.ts";

/** Matrices in blocks through ONNX Runtime's own operators, which do not unpack them. */
export const blocks: Emitters<Exclude<keyof BlockOps, "dequantizeBlocks">> = {
  matmulBlocks: ({ inputs: [, codes] }, inputs) => {
    const { out, width, bits } = measuresOf(codes);
    const attributes = [int("N", out), int("K", width), int("bits", bits), int("block_size", BLOCK_SIZE)];
    return { type: "MatMulNBits", inputs, attributes, from: MICROSOFT_OPS };
  },
  // The operator wants the codes of a row side by side. Reshaping a feed costs nothing: it is a view.
  gatherBlocks: ({ inputs: [, codes] }, [indices = "", table = "", ...others], writer) => {
    const { out, width, bits } = measuresOf(codes);
    const rows = writer.add({ type: "Reshape", inputs: [table, writer.int64s([out, (width * bits) / 8])] });
    const axes = [int("gather_axis", 0), int("quantize_axis", 1)];
    const attributes = [...axes, int("bits", bits), int("block_size", BLOCK_SIZE)];
    return { type: "GatherBlockQuantized", inputs: [rows, indices, ...others], attributes, from: MICROSOFT_OPS };
  },
};

// --- internal ---

interface Measures {
  readonly out: number;
  readonly width: number;
  readonly bits: number;
}

function measuresOf(codes: Tensor | undefined): Measures {
  const [out = 0, count = 0] = codes?.shape ?? [];
  return { out, width: count * BLOCK_SIZE, bits: codeBits(codes?.shape ?? []) ?? 8 };
}
