import { add, broadcastTo, concat, pad, scalar } from "../graph/builder.ts";
import { topologicalOrder } from "../graph/graph.ts";
import { axisSize } from "../graph/infer.ts";
import { GraphError, isOp, type Tensor } from "../graph/tensor.ts";
import { gradientRules } from "./rules.ts";

/** An output and the gradient of the loss with respect to it. */
export interface Seed {
  readonly output: Tensor;
  readonly gradient: Tensor;
}

/**
 * Reverse-mode gradients of a scalar with respect to `targets`, in their order; zeros for a target that it
 * does not depend on. Throws {@link GraphError} when `loss` is not a scalar.
 */
export function gradients(loss: Tensor, targets: readonly Tensor[]): Tensor[] {
  if (loss.shape.length > 0) throw new GraphError(`the loss must be a scalar, got [${loss.shape.join(", ")}]`);
  return vectorJacobianProduct([{ output: loss, gradient: scalar(1) }], targets);
}

/** The sum over seeds of gradient^T d(output)/d(target), for each target in order. */
export function vectorJacobianProduct(seeds: readonly Seed[], targets: readonly Tensor[]): Tensor[] {
  const order = topologicalOrder(seeds.map(({ output }) => output));
  const needed = dependents(order, targets);
  const parts = new Map<Tensor, Tensor[]>();
  const accumulate = (node: Tensor, gradient: Tensor): void => {
    const known = parts.get(node);
    if (known) known.push(gradient);
    else parts.set(node, [gradient]);
  };
  const total = (node: Tensor): Tensor | undefined => {
    const known = parts.get(node);
    if (known && known.length > 1) parts.set(node, [addGradients(known)]);
    return parts.get(node)?.[0];
  };
  for (const { output, gradient } of seeds) accumulate(output, gradient);
  for (const node of order.toReversed()) {
    const gradient = total(node);
    if (!gradient || !needed.has(node)) continue;
    const wanted = node.inputs.map((operand) => needed.has(operand));
    backward(node, gradient, wanted).forEach((part, i) => {
      const operand = node.inputs[i];
      if (part && operand && wanted[i]) accumulate(operand, part);
    });
  }
  return targets.map((target) => total(target) ?? broadcastTo(scalar(0), target.shape));
}

// --- internal ---

/** The nodes that depend on one of the targets, the targets included. */
function dependents(order: readonly Tensor[], targets: readonly Tensor[]): Set<Tensor> {
  const found = new Set<Tensor>(targets);
  for (const node of order) if (node.inputs.some((operand) => found.has(operand))) found.add(node);
  return found;
}

function addGradients(parts: readonly Tensor[]): Tensor {
  const pads = parts.filter((part) => isOp(part, "pad"));
  const others = parts.filter((part) => !isOp(part, "pad"));
  return [...joinSlices(pads), ...others].reduce((sum, part) =>
    isOp(sum, "broadcastTo") ? add(beforeBroadcast(sum), part) : add(sum, beforeBroadcast(part)),
  );
}

/** What an addition would broadcast implicitly. */
function beforeBroadcast(part: Tensor): Tensor {
  return isOp(part, "broadcastTo") ? (part.inputs[0] ?? part) : part;
}

/**
 * The gradients of slices, adjacent ones joined: adding up one padded tensor of the full size for each would take time
 * quadratic in their number.
 */
function joinSlices(pads: readonly Tensor<"pad">[]): Tensor[] {
  const runs: Tensor<"pad">[][] = [];
  for (const next of pads.toSorted((a, b) => a.attributes.before - b.attributes.before)) {
    const run = runs.find(([first, ...more]) => first && follows(next, more.at(-1) ?? first));
    if (run) run.push(next);
    else runs.push([next]);
  }
  return runs.map((run) => {
    const [first, last] = [run[0], run.at(-1)];
    if (!first || !last) throw new RangeError("a run of slices is empty");
    const { axis, before } = first.attributes;
    return pad(
      concat(
        run.flatMap(({ inputs }) => inputs),
        axis,
      ),
      axis,
      before,
      last.attributes.after,
    );
  });
}

/** Whether one slice begins, along the same axis, where the other ends. */
function follows(next: Tensor<"pad">, last: Tensor<"pad">): boolean {
  const { axis, after } = last.attributes;
  return next.attributes.axis === axis && next.attributes.before === axisSize(last.shape, axis) - after;
}

function backward(node: Tensor, gradient: Tensor, needed: readonly boolean[]): readonly (Tensor | null)[] {
  const rule = gradientRules[node.op] as
    | ((y: Tensor, dy: Tensor, needed: readonly boolean[]) => readonly (Tensor | null)[])
    | null;
  return rule ? rule(node, gradient, needed) : [];
}
