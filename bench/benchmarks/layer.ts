import { availableParallelism } from "node:os";
import { infiniMultiplications } from "../../src/attention/infini/cost.ts";
import { infiniAttention } from "../../src/attention/infini/mixer.ts";
import { vectorJacobianProduct } from "../../src/autodiff/gradients.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { createNodeEngine } from "../../src/engine/ort-node.ts";
import { createWebEngine } from "../../src/engine/ort-web.ts";
import { constant, input } from "../../src/graph/builder.ts";
import { createGraph, type Graph } from "../../src/graph/graph.ts";
import type { FloatTensor, HostTensor } from "../../src/graph/host-tensor.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { mapTree, type Flat, type Tree } from "../../src/graph/tree.ts";
import { layerWork, WEIGHTS, type Layer, type LayerWeights, type LayerWork } from "../lib/layer-work.ts";
import { secondsOf, type Benchmark, type Contest, type Contestant, type Readings, type Setup } from "../lib/measure.ts";
import { SPEED } from "../lib/quantities.ts";
import { jaxLayer } from "../peers/jax-js.ts";
import { tfjsLayer } from "../peers/tfjs.ts";

/** One layer beside other libraries in JavaScript. */
export const layer: Benchmark = {
  name: "layer",
  about:
    "One Infini-attention layer of the smaller model of the training benchmark (width 256, 4 heads of 64, the paper's linear memory), batch 2, 8 segments of 256 tokens: the forward pass, and with it the gradients of all its weights. Beside it the same layer in TensorFlow.js and in jax-js, which compute on WebAssembly and in Node with one thread; so ours is there with all cores, with one thread, and on WebAssembly too. What is compared are the whole output and all gradients, which are about one in size.",
  contests: (setup) => [
    contest("Forward", "forward", setup),
    contest("Forward, and the gradients of the weights", "gradients", setup),
  ],
};

// --- internal ---

type Task = "forward" | "gradients";

/** Passes of a turn. */
const PASSES = 4;

/** Libraries that are optional, and what to install for them. */
const PEERS = [
  { title: "TensorFlow.js", packages: "@tensorflow/tfjs-core @tensorflow/tfjs-backend-wasm", open: tfjsLayer },
  { title: "jax-js", packages: "@jax-js/jax", open: jaxLayer },
] as const;

function contest(title: string, task: Task, { quick }: Setup): Contest {
  const work = layerWork(quick);
  return {
    title,
    quantities: { speed: SPEED },
    flopsPerToken: flopsPerToken(work, task),
    async contestants() {
      const layers = [...(await ourLayers(work)), ...(await peers(work))];
      const results: Float32Array[][] = [];
      for (const each of layers) results.push(await each[task]());
      const [ours = []] = results;
      return layers.map(({ name, stop, [task]: run }, i): Contestant => {
        const computed = ours.map((values, j) => distance(values, results[i]?.[j]));
        return { name, computed, measure: () => measure(run, work, quick ? 1 : PASSES), ...(stop && { stop }) };
      });
    },
  };
}

/** Of matrix products. Nobody asks for the gradient of the input, so that of three projections is one product, not two. */
function flopsPerToken({ config }: LayerWork, task: Task): number {
  const forward = 2 * infiniMultiplications(config);
  return task === "forward" ? forward : 3 * forward - 2 * 3 * config.modelDim * config.numHeads * config.headDim;
}

/** The largest difference between two results, of which the first is ours: what they agree on is that there is none. */
function distance(ours: Float32Array, theirs: Float32Array | undefined): number {
  if (theirs?.length !== ours.length) return Infinity;
  return ours.reduce((most, value, i) => Math.max(most, Math.abs(value - (theirs[i] ?? Number.NaN))), 0);
}

async function measure(run: () => Promise<unknown>, { x }: LayerWork, passes: number): Promise<Readings> {
  const [batch = 0, length = 0] = x.shape;
  const seconds = await secondsOf(async () => {
    for (let i = 0; i < passes; i++) await run();
  });
  return { speed: (passes * batch * length) / seconds };
}

async function ourLayers(work: LayerWork): Promise<Layer[]> {
  const threads = `${availableParallelism()} threads`;
  return [
    await ourLayer(`infini-transformer, ${threads}`, work, await createNodeEngine()),
    await ourLayer("infini-transformer, one thread", work, await createNodeEngine({ threads: 1 })),
    await ourLayer("infini-transformer, WebAssembly, one thread", work, await createWebEngine({ threads: 1 })),
  ];
}

async function ourLayer(name: string, work: LayerWork, engine: Engine): Promise<Layer> {
  const [forward, gradients] = [await engine.compile(layerGraph(work)), await engine.compile(gradientsGraph(work))];
  const { weights, x, slope } = work;
  const results = async (values: Promise<Flat<HostTensor>>): Promise<Float32Array[]> =>
    Object.values(await values).map(({ data }) => data as Float32Array);
  return {
    name,
    forward: () => results(forward.run({ ...weights, x })),
    gradients: () => results(gradients.run({ ...weights, x, slope })),
    async stop() {
      await forward.dispose();
      await gradients.dispose();
    },
  };
}

function layerGraph(work: LayerWork): Graph {
  return createGraph({ y: outputOf(work, symbolsOf(work)) });
}

function gradientsGraph(work: LayerWork): Graph {
  const symbols = symbolsOf(work);
  const y = outputOf(work, symbols);
  const slopes = vectorJacobianProduct(
    [{ output: y, gradient: input("slope", y.shape) }],
    WEIGHTS.map((name) => symbols[name]),
  );
  return createGraph({ y, ...Object.fromEntries(slopes.map((slope, i) => [`gradients.${WEIGHTS[i]}`, slope])) });
}

function symbolsOf({ weights }: LayerWork): LayerWeights<Tensor> {
  return mapTree(weights, ({ shape }, name) => input(name, shape));
}

function outputOf({ config, batch, x }: LayerWork, weights: LayerWeights<Tensor>): Tensor {
  const mixer = infiniAttention(config);
  const empty = mapTree<Tree<Tensor>>(mixer.initialState(batch), (leaf) => constant(leaf as FloatTensor));
  return mixer.apply(weights, input("x", x.shape), empty).y;
}

/** Those that are installed; of the others standard error says what is missing. */
async function peers(work: LayerWork): Promise<Layer[]> {
  const opened: Layer[] = [];
  for (const { title, packages, open } of PEERS) {
    try {
      opened.push(await open(work));
    } catch (error) {
      const [reason] = String(error).split("\n");
      process.stderr.write(`no ${title} (npm install --no-save ${packages}): ${reason}\n`);
    }
  }
  return opened;
}
