import { describe, expect, it } from "vitest";

import { add, exp, input, mul, neg, scalar } from "./builder.ts";
import { expectOrdered } from "./fixtures.ts";
import { createGraph, signatureOf, topologicalOrder } from "./graph.ts";

import { GraphError, type Tensor } from "./tensor.ts";

const x = input("x", [3]);
const y = input("y", [3]);

describe("signatureOf", () => {
  it("has the inputs, and the names, shapes and types of the outputs, but nothing that computes them", () => {
    const graph = createGraph({ sum: add(y, x), same: x });
    const { inputs, outputs, nodes } = signatureOf(graph);
    expect(inputs).toEqual(graph.inputs);
    expect(Object.keys(outputs)).toEqual(["sum", "same"]);
    for (const { shape, dtype, inputs: operands } of Object.values(outputs))
      expect([shape, dtype, operands]).toEqual([[3], "float32", []]);
    expect(nodes).toEqual([]);
  });
});

describe("createGraph", () => {
  it("keeps what the outputs depend on, once, operands first", () => {
    const shared = exp(x);
    const total = add(shared, neg(shared));
    const dead = mul(shared, y);
    const graph = createGraph({ total, shared });
    expect(graph.nodes).toHaveLength(4);
    expect(graph.nodes).not.toContain(dead);
    expectOrdered(graph.nodes);
  });

  it("lists the inputs that the outputs depend on by name", () => {
    expect(createGraph({ y: neg(x) }).inputs).toEqual({ x });
    expect(createGraph({ sum: add(y, x) }).inputs).toEqual({ y, x });
    expect(createGraph({ one: scalar(1) }).inputs).toEqual({});
  });

  it("refuses two inputs of the same name", () => {
    expect(() => createGraph({ y: add(x, input("x", [3])) })).toThrow(GraphError);
    expect(() => createGraph({ y: add(x, input("x", [3])) })).toThrow('two inputs are named "x"');
  });

  it("allows two inputs of the same name where only one is used", () => {
    expect(createGraph({ y: neg(x) }).inputs["x"]).toBe(x);
    expect(input("x", [3])).not.toBe(x);
  });

  it("refuses an input and an output of the same name, unless they are the same tensor", () => {
    expect(() => createGraph({ x: neg(x) })).toThrow(GraphError);
    expect(() => createGraph({ x: neg(x) })).toThrow('an input and an output are named "x"');
    expect(createGraph({ x }).outputs).toEqual({ x });
  });
});

describe("topologicalOrder", () => {
  it("follows chains deeper than the call stack", () => {
    let node: Tensor = x;
    for (let i = 0; i < 50_000; i++) node = neg(node);
    expect(topologicalOrder([node])).toHaveLength(50_001);
  });

  it("visits shared operands once, however many paths lead to them", () => {
    let node: Tensor = x;
    for (let i = 0; i < 60; i++) node = add(node, node);
    const order = topologicalOrder([node, x]);
    expect(order).toHaveLength(61);
    expectOrdered(order);
  });
});
