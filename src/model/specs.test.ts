import { describe, expect, it } from "vitest";
import { createRng } from "../base/random.ts";
import { input } from "../graph/builder.ts";
import { createGraph, type Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { isOp } from "../graph/tensor.ts";
import { transposed } from "../nn/init.ts";
import { countOf, type ParamSpec } from "../nn/spec.ts";
import { sizeOf, type FloatTensor } from "../tensor/host-tensor.ts";
import { flatten, type Flat } from "../tensor/tree.ts";
import { parameterGroup } from "../train/optimizer.ts";
import { parseModelConfig, type ModelConfigInput } from "./config.ts";
import recorded from "./fresh-weights.json" with { type: "json" };
import { layerInputs, parameterInputs } from "./inputs.ts";
import { createModel, freshParams, type Model } from "./transformer.ts";

/* What specs say of the parameters of models of every kind. */

const SHAPE = {
  vocabularySize: 20,
  modelDim: 12,
  numLayers: 2,
  numHeads: 2,
  headDim: 4,
  feedForwardDim: 16,
  segmentLength: 4,
  tieEmbeddings: false,
};

describe.each(recorded)("the specs of a model, %o", ({ config, ...expected }) => {
  const model = createModel(parseModelConfig({ ...SHAPE, ...(config as Partial<ModelConfigInput>) }));
  const specs = flatten<ParamSpec>(model.specs);
  const fresh = flatten<FloatTensor>(freshParams(model, createRng(1)));

  it("have the shapes of the weights, which the same seed draws again", () => {
    expect(Object.entries(fresh).map(([name, { shape }]) => [name, shape])).toEqual(
      Object.entries(specs).map(([name, { shape }]) => [name, shape]),
    );
    expect(flatten<FloatTensor>(freshParams(model, createRng(1)))).toEqual(fresh);
  });

  it("draw the weights that this seed gave when matrices were stored as [in, out]", () => {
    const byInputs = Object.entries(fresh).map(
      ([name, value]) => [name, specs[name]?.role === "matrix" ? transposed(value) : value] as const,
    );
    expect(hashOf(byInputs)).toBe(expected.weights);
  });

  it("count the weights, those that decay and the gates", () => {
    const groups = Object.values(specs).map((spec) => ({ ...parameterGroup(spec, 10), size: sizeOf(spec.shape) }));
    expect(countOf(model.specs)).toBe(expected.count);
    expect(groups.reduce((total, { decay, size }) => total + (decay ? size : 0), 0)).toBe(expected.decaying);
    expect(groups.filter(({ learningRateFactor }) => learningRateFactor === 10).length).toBe(expected.gates);
  });

  it("call a matrix what `linear` alone reads, and an embedding what is also read by rows", () => {
    const found = graphsOf(model).flatMap((graph) => usesOf(graph, specs));
    for (const use of found) expect(use.allowed, use.text).toBe(true);
    const names = new Set(found.map(({ name }) => name));
    const weighed = Object.keys(specs).filter((name) => ["matrix", "embedding"].includes(specs[name]?.role ?? ""));
    expect([...names].toSorted()).toEqual(weighed.toSorted());
  });
});

// --- internal ---

/** FNV-1a of names and values. */
function hashOf(tensors: readonly (readonly [string, FloatTensor])[]): string {
  let hash = 0x811c9dc5;
  const take = (word: number): void => void (hash = Math.imul(hash ^ word, 0x01000193));
  for (const [name, { data }] of tensors) {
    new TextEncoder().encode(name).forEach(take);
    new Uint32Array(data.buffer, data.byteOffset, data.length).forEach(take);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** All ways through a model. */
function graphsOf(model: Model): Graph[] {
  const weights = parameterInputs(model.specs);
  const state = layerInputs(model.initialState(1), "state");
  const open = { state, segment: layerInputs(model.emptySegment(1), "segment") };
  const place = { offset: input("offset", [1], "int32"), length: input("length", [1], "int32") };
  const whole = model.apply(weights, input("tokens", [1, 8], "int32"), state);
  const part = model.extend(weights, input("tokens", [1, 3], "int32"), open, place);
  return [
    createGraph({ logits: model.logits(weights, whole.hidden), ...flatten<Tensor>(whole.state, "next") }),
    createGraph({ logits: model.logits(weights, part.hidden), ...flatten<Tensor>(part.rows, "rows") }),
    createGraph(flatten<Tensor>(model.commitSome(weights, open, input("isFull", [1], "int32")), "next")),
  ];
}

interface Use {
  readonly name: string;
  readonly allowed: boolean;
  readonly text: string;
}

/** How a graph uses matrices and embeddings. */
function usesOf({ nodes }: Graph, specs: Flat<ParamSpec>): Use[] {
  const readers = (x: Tensor): Tensor[] => nodes.filter(({ inputs }) => inputs.includes(x));
  const isLinear = (x: Tensor): boolean =>
    isOp(x, "transpose") && readers(x).every((product) => product.op === "matmul" && product.inputs[1] === x);
  return nodes.flatMap((node) => {
    const name = isOp(node, "input") ? node.attributes.name.replace(/^params\./, "") : "";
    const role = specs[name]?.role;
    if (role !== "matrix" && role !== "embedding") return [];
    return readers(node).map((reader) => ({
      name,
      allowed:
        isLinear(reader) || (role === "embedding" && reader.op === "gather") || isFrozen(reader, readers, isLinear),
      text: `${name} goes into ${reader.op}`,
    }));
  });
}

/** Where no gradient is to reach a weight, it comes to `linear` through `stopGradient`. */
function isFrozen(x: Tensor, readers: (x: Tensor) => Tensor[], isLinear: (x: Tensor) => boolean): boolean {
  return x.op === "stopGradient" && readers(x).every(isLinear);
}
