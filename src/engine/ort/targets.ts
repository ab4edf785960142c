import type { LowerableOp, PrimitiveOp } from "../../graph/ops.ts";
import { HOST_TYPES, type Target } from "../../graph/target.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { codeBits } from "../../tensor/blocks.ts";
import type { DType } from "../../tensor/host-tensor.ts";
import { blocks } from "./emitters/blocks.ts";
import { elementwise } from "./emitters/elementwise.ts";
import type { Emitters } from "./emitters/emitter.ts";
import { layout } from "./emitters/layout.ts";
import { products } from "./emitters/products.ts";
import { reductions } from "./emitters/reductions.ts";
import { rows } from "./emitters/rows.ts";
import { sources } from "./emitters/sources.ts";
import { webgpuOnly } from "./emitters/webgpu.ts";

/** The runtime that an ONNX model is written for. */
export interface OnnxTarget extends Target {
  /** How to write each operation that it computes. */
  readonly emitters: Emitters<WrittenOp> & Partial<Emitters<LowerableOp>>;
}

/** Any runtime that computes the standard operators: nothing else is written. */
export const STANDARD: OnnxTarget = target("standard ONNX", {
  ...sources,
  ...elementwise,
  ...reductions,
  ...products,
  ...layout,
  ...rows,
});

/** What ONNX Runtime computes on each device, in Node or a browser. */
export const ORT_TARGETS: Readonly<Record<"cpu" | "wasm" | "webgpu" | "cuda", OnnxTarget>> = {
  cpu: target("cpu", { ...STANDARD.emitters, ...blocks }),
  wasm: target("wasm", { ...STANDARD.emitters, ...blocks }),
  // The only 16-bit numbers of WebGPU are float16, which not every adapter has.
  webgpu: {
    ...target("webgpu", { ...STANDARD.emitters, ...blocks, ...webgpuOnly }, ["float32", "int32", "uint8"]),
    supports: (node) => ORT_TARGETS.cpu.supports(node) && !hasNarrowZeroPoints(node),
  },
  cuda: target("cuda", STANDARD.emitters),
};

// --- internal ---

type WrittenOp = Exclude<PrimitiveOp, "input">;

function target(id: string, emitters: OnnxTarget["emitters"], dtypes: Iterable<DType> = HOST_TYPES): OnnxTarget {
  return { id, emitters, dtypes: new Set(dtypes), supports: ({ op }) => op === "input" || op in emitters };
}

/** Whether it reads rows of a table with two zero points in a byte, which the WebGPU kernel does not support. */
function hasNarrowZeroPoints({ op, inputs: [, codes, , zeroPoints] }: Tensor): boolean {
  return op === "gatherBlocks" && zeroPoints !== undefined && codeBits(codes?.shape ?? []) === 4;
}
