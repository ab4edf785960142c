import { describe, expect, it } from "vitest";
import { input } from "../../graph/builder.ts";
import { createGraph } from "../../graph/graph.ts";
import { lower, optimize } from "../../graph/passes/optimize.ts";
import { lowerings } from "../../graph/passes/lower.ts";
import { COMPLETE, PRIMITIVE, type Target } from "../../graph/target.ts";
import { GraphError } from "../../graph/tensor.ts";
import { checkTypes, FeedError } from "../engine.ts";
import { expectClose } from "../engine.suite.ts";
import { operationCases } from "../operations.suite.ts";
import { evaluate } from "../reference/reference.ts";
import { writeOnnx } from "./onnx-writer.ts";
import { ORT_TARGETS, STANDARD } from "./targets.ts";

const onnxTargets = [STANDARD, ...Object.values(ORT_TARGETS)];
const targets: readonly Target[] = [PRIMITIVE, COMPLETE, ...onnxTargets];
const cases = operationCases();

describe.each(targets.map((target) => [target.id, target] as const))("the target %s", (_id, target) => {
  it.each(cases.map((each) => [each.title, each] as const))(
    "computes %s, or expresses it in others",
    (_, { graph, feeds }) => {
      const lowered = optimize(graph, target);
      expect(lowered.nodes.filter((node) => !target.supports(node))).toEqual([]);
      const [actual, expected] = [evaluate(lowered, feeds)["result"], evaluate(graph, feeds)["result"]];
      if (!expected) throw new Error("nothing to compare with");
      expectClose(actual, expected, 1e-7);
    },
  );
});

describe.each(onnxTargets.map((target) => [target.id, target] as const))("writing for %s", (_, target) => {
  it("computes everything left after lowering", () => {
    for (const { graph } of cases) expect(writeOnnx(optimize(graph, target), target).length).toBeGreaterThan(0);
  });
});

describe("a target", () => {
  it("lowers operations until it can compute them all", () => {
    const target: Target = { ...PRIMITIVE, supports: (node) => node.op === "silu" || PRIMITIVE.supports(node) };
    for (const { op, graph } of cases) {
      const { nodes } = lower(graph, target);
      if (op in lowerings && op !== "silu") expect(nodes.map((node) => node.op)).not.toContain(op);
      if (op === "silu") expect(nodes.map((node) => node.op)).toContain("silu");
    }
  });

  it("is named in the error for an operation that it lacks and nothing can replace", () => {
    const target: Target = { id: "an abacus", dtypes: new Set(), supports: ({ op }) => op !== "exp" };
    const exp = cases.find(({ op }) => op === "exp");
    expect(() => optimize(exp?.graph ?? createGraph({}), target)).toThrow(GraphError);
    expect(() => optimize(exp?.graph ?? createGraph({}), target)).toThrow("exp is not computed by an abacus");
  });

  it("refuses inputs of types that it lacks, naming them", () => {
    const graph = createGraph({ y: input("weight", [2], "bfloat16") });
    expect(() => checkTypes(graph, ORT_TARGETS.webgpu)).toThrow(FeedError);
    expect(() => checkTypes(graph, ORT_TARGETS.webgpu)).toThrow(
      'input "weight" is bfloat16, which webgpu does not take; it takes float32, int32, uint8',
    );
    checkTypes(graph, ORT_TARGETS.cpu);
  });
});
