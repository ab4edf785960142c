import { InfiniError } from "../base/errors.ts";
import type { DType, Shape } from "../tensor/host-tensor.ts";
import { inferenceRules, type TensorType } from "./infer.ts";
import type { Op, OpAttributes } from "./ops.ts";

/** A value of the graph: the result of one operation on others. Immutable, and compared by identity. */
export interface Tensor<K extends Op = Op> {
  readonly op: K;
  readonly inputs: readonly Tensor[];
  readonly attributes: OpAttributes[K];
  readonly shape: Shape;
  readonly dtype: DType;
}

/** An operation that does not fit its operands. The message names the op, the shapes and the caller's line. */
export class GraphError extends InfiniError {
  override name = "GraphError";
  readonly code = "ERR_GRAPH";
}

/** Applies an operation. Throws {@link GraphError} when the operands do not fit it. */
export function apply<K extends Op>(op: K, inputs: readonly Tensor[], attributes: OpAttributes[K]): Tensor<K> {
  return { op, inputs, attributes, ...inferType(op, inputs, attributes) };
}

/** Whether this tensor is the result of the operation `op`. */
export function isOp<K extends Op>(tensor: Tensor, op: K): tensor is Tensor<K> {
  return (tensor.op as Op) === op;
}

/** Whether x is another tensor with its last two axes swapped. */
export function isMatrixTranspose(x: Tensor): boolean {
  const rank = x.shape.length;
  return (
    isOp(x, "transpose") && x.attributes.permutation.every((axis, i) => axis === (i < rank - 2 ? i : 2 * rank - 3 - i))
  );
}

// --- internal ---

function inferType<K extends Op>(op: K, inputs: readonly Tensor[], attributes: OpAttributes[K]): TensorType {
  try {
    return inferenceRules[op](inputs, attributes);
  } catch (error) {
    const shapes = inputs.map(({ shape, dtype }) => `${dtype}[${shape.join(", ")}]`).join(", ");
    const reason = error instanceof Error ? error.message : String(error);
    throw new GraphError(`${op}(${shapes}): ${reason}${callerLine()}`);
  }
}

/** The first line of the stack outside this folder, as ` (at file:line)`. */
function callerLine(): string {
  const lines = new Error().stack?.split("\n").slice(1) ?? [];
  const caller = lines.find((line) => !/[/\\]graph[/\\](?!.*\.test\.)/.test(line));
  const place = caller?.match(/\(?([^\s(]+:\d+:\d+)\)?$/)?.[1];
  return place ? ` (at ${place})` : "";
}
