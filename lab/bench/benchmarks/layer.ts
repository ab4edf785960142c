import { availableParallelism } from "node:os";
import { infiniMultiplications } from "../../../src/mixers/infini/cost.ts";
import { infiniAttention } from "../../../src/mixers/infini/mixer.ts";
import { vectorJacobianProduct } from "../../../src/autodiff/gradients.ts";
import type { Engine } from "../../../src/engine/engine.ts";
import { createNodeEngine } from "../../../src/engine/ort/ort-node.ts";
import { createWebEngine } from "../../../src/engine/ort/ort-web.ts";
import { constant, input } from "../../../src/graph/builder.ts";
import { createGraph, type Graph } from "../../../src/graph/graph.ts";
import type { FloatTensor } from "../../../src/tensor/host-tensor.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { mapTree, type Tree } from "../../../src/tensor/tree.ts";
import { layerWork, WEIGHTS, type Layer, type LayerWeights, type LayerWork } from "../lib/layer-work.ts";
import { secondsOf, type Benchmark, type Contest, type Contestant, type Readings, type Setup } from "../lib/measure.ts";
import { SPEED } from "../lib/quantities.ts";
import { jaxLayer } from "../peers/jax-js.ts";
import { tfjsLayer } from "../peers/tfjs.ts";

/** One layer compared with other libraries in JavaScript. */
export const layer: Benchmark = {
  name: "layer",
  about:
    "One Infini-attention layer, the attention of a layer of the smaller model of the training benchmark: width 256, 4 heads of 64, the paper's linear memory, batch 2, 8 segments of 256 tokens. It is compared with the same layer in TensorFlow.js and in jax-js, where they are installed. Both compute on WebAssembly, in Node with one thread, so ours runs with all cores, with one thread, and on WebAssembly with one thread. The whole output is compared, and all gradients with it; their values are of the order of 0.1.",
  contests: (setup) => [
    contest("One layer, forward, 4,096 tokens", layerWork("forward", setup.quick), setup),
    contest(
      "One layer, forward and the gradients of its weights, 4,096 tokens",
      layerWork("gradients", setup.quick),
      setup,
    ),
  ],
};

// --- internal ---

/** Passes per turn. */
const PASSES = 4;

/** Optional libraries, and how to install them: all at once, since npm removes anything that is not in package.json. */
const PEERS = { "TensorFlow.js": tfjsLayer, "jax-js": jaxLayer };
const INSTALL = "npm install --no-save @tensorflow/tfjs-core@4 @tensorflow/tfjs-backend-wasm@4 @jax-js/jax@0.1";

function contest(title: string, work: LayerWork, { quick }: Setup): Contest {
  return {
    title,
    quantities: { speed: SPEED },
    flopsPerToken: flopsPerToken(work),
    async contestants() {
      const layers = [...(await ourLayers(work)), ...(await peers(work))];
      const results: Float32Array[][] = [];
      for (const { run } of layers) results.push(await run());
      const [ours = []] = results;
      return layers.map(({ name, run, stop }, i): Contestant => {
        const computed = ours.map((values, j) => distance(values, results[i]?.[j]));
        return { name, computed, measure: () => measure(run, work, quick ? 1 : PASSES), ...(stop && { stop }) };
      });
    },
  };
}

/** Of matrix products. The gradient of the input is not needed, which saves a product for each of three projections. */
function flopsPerToken({ task, config }: LayerWork): number {
  const forward = 2 * infiniMultiplications(config);
  return task === "forward" ? forward : 3 * forward - 2 * 3 * config.modelDim * config.numHeads * config.headDim;
}

/** The largest difference between our results and theirs: they agree when there is none. */
function distance(ours: Float32Array, theirs: Float32Array | undefined): number {
  if (theirs?.length !== ours.length) return Infinity;
  return ours.reduce((most, value, i) => Math.max(most, Math.abs(value - (theirs[i] ?? Number.NaN))), 0);
}

async function measure(run: Layer["run"], { x }: LayerWork, passes: number): Promise<Readings> {
  const [batch = 0, length = 0] = x.shape;
  const seconds = await secondsOf(async () => {
    for (let i = 0; i < passes; i++) await run();
  });
  return { speed: (passes * batch * length) / seconds };
}

async function ourLayers(work: LayerWork): Promise<Layer[]> {
  return [
    await ourLayer(`infini-transformer, ${availableParallelism()} threads`, work, await createNodeEngine()),
    await ourLayer("infini-transformer, one thread", work, await createNodeEngine({ threads: 1 })),
    await ourLayer(
      "infini-transformer, WebAssembly, one thread",
      work,
      await createWebEngine({ device: "wasm", threads: 1 }),
    ),
  ];
}

async function ourLayer(name: string, work: LayerWork, engine: Engine): Promise<Layer> {
  const { task, weights, x, slope } = work;
  const program = await engine.compile(layerGraph(work));
  const feeds = { ...weights, x, ...(task === "gradients" && { slope }) };
  return {
    name,
    run: async () => Object.values(await program.run(feeds)).map(({ data }) => data as Float32Array),
    stop: () => program.dispose(),
  };
}

/** From `x`, the weights and `slope` to `y` and `gradients.*`; all segments from an empty memory. */
function layerGraph({ task, config, batch, weights, x }: LayerWork): Graph {
  const mixer = infiniAttention(config);
  const symbols = mapTree<LayerWeights<Tensor>>(weights, ({ shape }, name) => input(name, shape));
  const empty = mapTree<Tree<Tensor>>(mixer.initialState(batch), (leaf) => constant(leaf as FloatTensor));
  const { y } = mixer.apply(symbols, input("x", x.shape), empty);
  if (task === "forward") return createGraph({ y });
  const seed = { output: y, gradient: input("slope", y.shape) };
  const slopes = vectorJacobianProduct(
    [seed],
    WEIGHTS.map((name) => symbols[name]),
  );
  return createGraph({ y, ...Object.fromEntries(slopes.map((slope, i) => [`gradients.${WEIGHTS[i]}`, slope])) });
}

/** The installed ones; standard error lists the others. */
async function peers(work: LayerWork): Promise<Layer[]> {
  const opened: Layer[] = [];
  for (const [title, open] of Object.entries(PEERS)) {
    try {
      const peer = await open(work);
      await peer.run(); // an unsupported peer reports it here
      opened.push(peer);
    } catch (error) {
      const [reason] = String(error).split("\n");
      process.stderr.write(`no ${title}: ${reason}; ${INSTALL}\n`);
    }
  }
  return opened;
}
