import onnxProto from "onnx-proto";
import type { Op } from "../../../graph/ops.ts";
import type { Tensor } from "../../../graph/tensor.ts";
import type { DType } from "../../../tensor/host-tensor.ts";

/**
 * How one operation of a graph is written: as one or more nodes, the last of which is returned, given the names of its
 * operands.
 */
export type Emitter<K extends Op> = (node: Tensor<K>, inputs: readonly string[], writer: Writer) => NodeSpec;

/** Total: an operation without an entry does not compile. */
export type Emitters<K extends Op> = { readonly [Each in K]: Emitter<Each> };

/** One ONNX node without its name. */
export interface NodeSpec {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly attributes?: readonly onnxProto.onnx.IAttributeProto[];
  /** Results after the first, which are never read. Default 0. */
  readonly unread?: number;
  /** The operator set that has it. Default {@link STANDARD_OPS}. */
  readonly from?: OperatorSet;
}

/** Collects the nodes that are written. */
export interface Writer {
  /** Adds a node with one result of this name; a fresh name when none is given. Returns the name. */
  add(spec: NodeSpec, name?: string): string;
  /** The name of a one-dimensional int64 constant. */
  int64s(values: readonly number[]): string;
  /** The name of a constant [lanes, rows] with the numbers of the rows. */
  positions(lanes: number, rows: number): string;
  /** The name of a uint32 scalar. */
  uint32(value: number): string;
  /** The name of a float32 scalar. */
  float(value: number): string;
}

/** A version of an operator set, and the oldest version of the file format that it works with. */
export interface OperatorSet {
  readonly domain: string;
  readonly version: number;
  readonly ir: number;
}

/** The version of the standard operators that models request, unless they read bfloat16. */
export const OPSET_VERSION = 23;
export const STANDARD_OPS: OperatorSet = { domain: "", version: OPSET_VERSION, ir: 11 };
/** Has BitCast. */
export const NEWER_OPS: OperatorSet = { domain: "", version: 26, ir: 13 };
/** Those of ONNX Runtime itself. */
export const MICROSOFT_OPS: OperatorSet = { domain: "com.microsoft", version: 1, ir: 11 };

const { AttributeType } = onnxProto.onnx.AttributeProto;
export const { DataType } = onnxProto.onnx.TensorProto;

/** bfloat16 is passed as bits: ONNX Runtime for JavaScript has no name for it. */
export const DATA_TYPES: Readonly<Record<DType, number>> = {
  float32: DataType.FLOAT,
  float16: DataType.FLOAT16,
  bfloat16: DataType.UINT16,
  int32: DataType.INT32,
  uint8: DataType.UINT8,
  bool: DataType.BOOL,
};

/** The node of this type with the same operands. */
export const direct =
  (type: string): Emitter<Op> =>
  (_, inputs) => ({ type, inputs });

export function int(name: string, i: number): onnxProto.onnx.IAttributeProto {
  return { name, type: AttributeType.INT, i };
}

export function ints(name: string, values: readonly number[]): onnxProto.onnx.IAttributeProto {
  return { name, type: AttributeType.INTS, ints: [...values] };
}

export function text(name: string, value: string): onnxProto.onnx.IAttributeProto {
  return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
}

export function tensorValue(name: string, t: onnxProto.onnx.ITensorProto): onnxProto.onnx.IAttributeProto {
  return { name, type: AttributeType.TENSOR, t };
}
