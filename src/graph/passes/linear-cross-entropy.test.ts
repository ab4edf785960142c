import { describe, expect, it } from "vitest";
import { gradients } from "../../autodiff/gradients.ts";
import { createRng } from "../../base/random.ts";
import { expectClose } from "../../engine/engine.suite.ts";
import { evaluate, type Float64Tensor } from "../../engine/reference/reference.ts";
import { sizeOf, type Shape } from "../../tensor/host-tensor.ts";
import {
  add,
  crossEntropy,
  gather,
  input,
  linearCrossEntropy,
  matmul,
  matrixTranspose,
  mul,
  sum,
  tanh,
} from "../builder.ts";
import { createGraph, topologicalOrder, type Graph } from "../graph.ts";
import type { Tensor } from "../tensor.ts";
import { hasLossByChunks } from "./linear-cross-entropy.ts";
import { optimize } from "./optimize.ts";

const [B, T, V, D] = [2, 5, 13, 3];
const R = B * T;

const rng = createRng(11);
const draw = (...shape: number[]): Float64Tensor => ({
  shape,
  data: Float64Array.from({ length: sizeOf(shape) }, rng.normal),
});
const indices = (...shape: number[]): Float64Tensor => ({
  shape,
  data: Float64Array.from({ length: sizeOf(shape) }, () => rng.integer(V)),
});
const FEEDS = {
  embedding: draw(V, D),
  head: draw(V, D),
  tokens: indices(B, T),
  targets: indices(B, T),
  weights: draw(B, T),
};

const [embedding, head] = [input("embedding", [V, D]), input("head", [V, D])];
const [tokens, targets] = [input("tokens", [B, T], "int32"), input("targets", [B, T], "int32")];
const weights = input("weights", [B, T]);
const hidden = tanh(gather(embedding, tokens)); // [B, T, D]

/** The loss of a small model, its losses and the gradients of what is trained. */
function graphOf(lossesOf: (weight: Tensor) => Tensor, trained: Record<string, Tensor>, isTied: boolean): Graph {
  const losses = lossesOf(isTied ? embedding : head);
  const loss = sum(mul(losses, weights));
  const slopes = gradients(loss, Object.values(trained));
  return createGraph({
    loss,
    losses,
    ...Object.fromEntries(Object.keys(trained).map((name, i) => [`d ${name}`, slopes[i] ?? loss])),
  });
}

const inChunks =
  (rowsAtOnce: number) =>
  (weight: Tensor): Tensor =>
    linearCrossEntropy(hidden, weight, targets, rowsAtOnce);

const whole = (weight: Tensor): Tensor => crossEntropy(matmul(hidden, matrixTranspose(weight)), targets);

describe("hasLossByChunks", () => {
  it("tells a loss of one chunk from one of several, and from none", () => {
    const isByChunks = (lossesOf: (weight: Tensor) => Tensor): boolean =>
      hasLossByChunks(graphOf(lossesOf, { embedding }, true));
    expect([inChunks(R), inChunks(R - 1), whole].map(isByChunks)).toEqual([false, true, false]);
  });
});

describe("linearCrossEntropy", () => {
  it.each([true, false])("is the cross-entropy of the product, with its gradients, tied: %s", (isTied) => {
    const trained = isTied ? { embedding } : { embedding, head };
    const expected = evaluate(graphOf(whole, trained, isTied), FEEDS);
    for (let rowsAtOnce = 1; rowsAtOnce <= R + 1; rowsAtOnce++) {
      const found = evaluate(optimize(graphOf(inChunks(rowsAtOnce), trained, isTied)), FEEDS);
      expect(Object.keys(found)).toEqual(Object.keys(expected));
      for (const [name, value] of Object.entries(expected)) expectClose(found[name], value, 1e-12);
    }
  });

  it("computes the logits of a single chunk once for losses and gradients", () => {
    const graph = optimize(graphOf(inChunks(R), { embedding, head }, false));
    const products = graph.nodes.filter(({ op, shape }) => op === "matmul" && sizeOf(shape) === R * V);
    expect(products.map(({ shape }) => shape)).toEqual([[R, V]]);
    const naive = optimize(graphOf(whole, { embedding, head }, false));
    expect(largeNodes(graph, R * V)).toBeLessThan(largeNodes(naive, R * V));
  });

  it("takes chunks of about the same size, none larger than asked for", () => {
    const rowsOf = (rowsAtOnce: number): number[] =>
      optimize(createGraph({ losses: inChunks(rowsAtOnce)(head) }))
        .nodes.filter(({ op }) => op === "matmul")
        .map(({ shape }) => shape[0] ?? 0);
    expect(rowsOf(9)).toEqual([5, 5]);
    expect(rowsOf(4)).toEqual([4, 4, 2]);
    expect(rowsOf(3)).toEqual([3, 3, 3, 1]);
  });

  it.each([4, R])("keeps at most two tensors of a chunk and the vocabulary, in any order: %s rows", (rows) => {
    const graph = optimize(graphOf(inChunks(rows), { embedding, head }, false));
    const isLogits = ({ shape }: Tensor): boolean => sizeOf(shape) === rows * V && shape.at(-1) === V;
    const outputs = Object.values(graph.outputs);
    const orders = [
      graph.nodes,
      topologicalOrder(outputs.toReversed()),
      breadthFirst(graph),
      ...Array.from({ length: 50 }, () => anyOrder(graph)),
    ];
    expect(Math.max(...orders.map((order) => mostAlive(order, outputs, isLogits)))).toBe(2);
    if (rows < R) expect(graph.nodes.filter(({ shape }) => sizeOf(shape) >= R * V)).toEqual([]);
  });

  it("would keep more if chunks did not wait for each other", () => {
    const parts = Array.from({ length: 3 }, (_, i) => whole(mul(head, i + 1)));
    const graph = optimize(createGraph({ total: parts.reduce((a, b) => add(a, b)) }));
    expect(
      mostAlive(breadthFirst(graph), Object.values(graph.outputs), ({ shape }) => sizeOf(shape) === R * V),
    ).toBeGreaterThan(2);
  });

  it.each([
    ["the head", { embedding }, [V, D] as Shape, 0],
    ["all below it", { head }, [V, D] as Shape, 1],
  ])("leaves out the gradients of %s when it is not trained", (_, trained, shape, products) => {
    const graph = optimize(graphOf(inChunks(R), trained, false));
    const outer = graph.nodes.filter(
      (node) => node.op === "matmul" && sizeOf(node.shape) === sizeOf(shape) && node.shape[0] === D,
    );
    expect(outer.length).toBe(products);
    expect(graph.nodes.filter((node) => node.op === "matmul").length).toBe(2);
  });
});

// --- internal ---

function largeNodes({ nodes }: Graph, size: number): number {
  return nodes.filter(({ op, shape }) => op !== "reshape" && sizeOf(shape) === size).length;
}

/**
 * How many of some results are alive at once: each from when it is computed to its last reader. A reshape is a view.
 */
function mostAlive(order: readonly Tensor[], outputs: readonly Tensor[], counts: (node: Tensor) => boolean): number {
  const sourceOf = (node: Tensor): Tensor => {
    const [operand] = node.inputs;
    return node.op === "reshape" && operand ? sourceOf(operand) : node;
  };
  const lastReader = new Map<Tensor, number>();
  order.forEach((node, place) => node.inputs.forEach((operand) => lastReader.set(sourceOf(operand), place)));
  for (const output of outputs) lastReader.set(sourceOf(output), order.length);
  const counted = order.filter((node) => node.op !== "reshape" && node.op !== "input" && counts(node));
  return Math.max(
    ...order.map(
      (_, place) =>
        counted.filter((node) => order.indexOf(node) <= place && (lastReader.get(node) ?? 0) >= place).length,
    ),
  );
}

/** An order in which every node comes after its operands: `choose` picks the next of those that are ready. */
function orderBy({ nodes }: Graph, choose: (ready: readonly Tensor[]) => Tensor | undefined): Tensor[] {
  const order: Tensor[] = [];
  const waiting = new Set(nodes);
  while (waiting.size > 0) {
    const ready = [...waiting].filter(({ inputs }) => inputs.every((operand) => !waiting.has(operand)));
    const next = choose(ready);
    if (!next) throw new Error("nothing is ready");
    waiting.delete(next);
    order.push(next);
  }
  return order;
}

function anyOrder(graph: Graph): Tensor[] {
  return orderBy(graph, (ready) => ready[rng.integer(ready.length)]);
}

/** Everything that is ready before anything that it makes ready. */
function breadthFirst(graph: Graph): Tensor[] {
  const depths = new Map<Tensor, number>();
  for (const node of graph.nodes) depths.set(node, 1 + Math.max(0, ...node.inputs.map((x) => depths.get(x) ?? 0)));
  return graph.nodes.toSorted((a, b) => (depths.get(a) ?? 0) - (depths.get(b) ?? 0));
}
