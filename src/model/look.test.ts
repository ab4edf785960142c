import { expect, it } from "vitest";
import { evaluate, type NumericTensor } from "../engine/reference/reference.ts";
import { input } from "../graph/builder.ts";
import { createGraph } from "../graph/graph.ts";
import { intTensor, type FloatTensor } from "../tensor/host-tensor.ts";
import { GraphError, type Tensor } from "../graph/tensor.ts";
import { flatten, mapTree } from "../tensor/tree.ts";
import { createRng } from "../base/random.ts";
import { parseModelConfig, type ModelConfig, type ModelConfigInput } from "./config.ts";
import { layerInputs, parameterInputs } from "./inputs.ts";
import { hasMemory, lookIntoModel, noTraces, type LayerTraces, type ModelLook } from "./look.ts";
import { createModel, freshParams } from "./transformer.ts";

const N = 4;

it("the pass that is looked into is that of the model", () => {
  const config = configOf({ memory: { cache: true, shift: "convolution" } });
  const model = createModel(config);
  const params = freshParams(model, createRng(1));
  const state = model.initialState(1);
  const [tokens, states] = [input("tokens", [1, N], "int32"), layerInputs(state, "state")];
  const plain = model.apply(parameterInputs(params), tokens, states);
  const feeds = {
    ...flatten<FloatTensor>(params, "params"),
    ...mapTree<Record<string, NumericTensor>>(flatten<FloatTensor>(state, "state"), ({ shape }) => {
      const data = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i + 1) ** 2);
      return { shape, data };
    }),
    tokens: intTensor([1, N], Int32Array.of(3, 1, 4, 1)),
  };
  const expected = evaluate(createGraph(outputs(plain)), feeds);
  expect(Object.keys(expected).length).toBeGreaterThan(5);
  expect(evaluate(createGraph(outputs(look(config))), feeds)).toEqual(expected);
});

it.each<[string, Partial<ModelConfigInput>]>([
  ["without a memory", { memory: { update: "none" } }],
  ["with another mixer", { mixer: { kind: "gated-deltanet" } }],
])("a model %s cannot be looked into", (_, changes) => {
  const config = configOf(changes);
  expect(hasMemory(config)).toBe(false);
  expect(() => look(config)).toThrow(GraphError);
});

// --- internal ---

function configOf(changes: Partial<ModelConfigInput>): ModelConfig {
  return parseModelConfig({
    vocabularySize: 11,
    modelDim: 6,
    numLayers: 2,
    numHeads: 2,
    headDim: 4,
    feedForwardDim: 8,
    segmentLength: N,
    ...changes,
  });
}

function look(config: ModelConfig): ModelLook {
  const model = createModel(config);
  const traces = mapTree<LayerTraces<Tensor>>(noTraces(config, 3), ({ shape }, name) => input(`traces.${name}`, shape));
  const states = layerInputs(model.initialState(1), "state");
  const params = parameterInputs(freshParams(model, createRng(1)));
  return lookIntoModel(config, params, input("tokens", [1, N], "int32"), states, traces);
}

function outputs({ hidden, state }: Pick<ModelLook, "hidden" | "state">): Record<string, Tensor> {
  return { hidden, ...flatten<Tensor>(state, "next.state") };
}
