import { createRequire } from "node:module";
import type { FloatTensor } from "../../../src/tensor/host-tensor.ts";
import { mapTree } from "../../../src/tensor/tree.ts";
import { layerTables, WEIGHTS, type Layer, type LayerWeights, type LayerWork } from "../lib/layer-work.ts";

/** One layer in jax-js on WebAssembly. Throws where it is not installed. */
export async function jaxLayer(work: LayerWork): Promise<Layer> {
  const { jax, version } = await load();
  const place = ({ data, shape }: FloatTensor): JaxArray => jax.numpy.array(data, { shape });
  const [x, slope] = [place(work.x), place(work.slope)];
  const weights = mapTree<LayerWeights<JaxArray>>(work.weights, (weight) => place(weight as FloatTensor));
  const layer = attention(jax, work, place);
  const forward = jax.jit(layer);
  return {
    name: `jax-js ${version}, WebAssembly, one thread`,
    async run() {
      if (work.task === "forward") return [await forward(borrowed(weights), x.ref).data()];
      const [y, back] = jax.vjp((given) => layer(given, x.ref), [borrowed(weights)]);
      const [slopes] = back(slope.ref);
      back.dispose();
      return Promise.all([y, ...WEIGHTS.map((name) => slopes[name])].map((result) => result.data()));
    },
  };
}

// --- internal ---

/** Functions free the arrays they take; `ref` keeps one for later. */
interface JaxArray {
  readonly shape: readonly number[];
  readonly ref: JaxArray;
  data(): Promise<Float32Array>;
  add(other: JaxArray | number): JaxArray;
  sub(other: JaxArray): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  div(other: JaxArray): JaxArray;
  sum(axis: number, options: { readonly keepdims: boolean }): JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  transpose(axes: readonly number[]): JaxArray;
}

/** The parts of the library used here; the project does not depend on it. */
interface Jax {
  init(device: string): Promise<readonly string[]>;
  jit<Given extends unknown[]>(f: (...given: Given) => JaxArray): (...given: Given) => JaxArray;
  vjp<Given>(
    f: (given: Given) => JaxArray,
    at: readonly [Given],
  ): [JaxArray, ((slope: JaxArray) => [Given]) & { dispose(): void }];
  readonly numpy: {
    array(data: Float32Array, options: { readonly shape: readonly number[] }): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    matrixTranspose(x: JaxArray): JaxArray;
    split(x: JaxArray, parts: number, axis: number): [JaxArray, JaxArray];
    concatenate(parts: readonly JaxArray[], axis: number): JaxArray;
    cumsum(x: JaxArray, axis: number): JaxArray;
  };
  readonly nn: {
    softmax(x: JaxArray, axis: number): JaxArray;
    sigmoid(x: JaxArray): JaxArray;
    elu(x: JaxArray): JaxArray;
  };
}

async function load(): Promise<{ jax: Jax; version: string }> {
  // Once onnxruntime-web has run in Node, the Worker of Node's threads is global, and jax-js takes it for a browser's.
  Reflect.deleteProperty(globalThis, "Worker");
  const require = createRequire(import.meta.url);
  const jax = require("@jax-js/jax") as Jax;
  await jax.init("wasm");
  const { version } = createRequire(require.resolve("@jax-js/jax"))("../package.json") as { version: string };
  return { jax, version };
}

function borrowed(weights: LayerWeights<JaxArray>): LayerWeights<JaxArray> {
  const { query, key, value, output, gate } = weights;
  return { query: query.ref, key: key.ref, value: value.ref, output: output.ref, gate: gate.ref };
}

/**
 * Eqs. 5 to 11 for x [B, S*N, D], in pieces that are compiled separately: the gradients of a layer compiled as a whole
 * take many times as long, because the operands of a product are fused into it and recomputed for every row.
 */
function attention(
  { jit, nn, numpy: np }: Jax,
  work: LayerWork,
  place: (table: FloatTensor) => JaxArray,
): (weights: LayerWeights<JaxArray>, x: JaxArray) => JaxArray {
  const { batch, segments, config } = work;
  const { segmentLength: N, numHeads: H, headDim: d } = config;
  const tables = layerTables(work);
  const [cos, sin, mask, past] = [place(tables.cos), place(tables.sin), place(tables.mask), place(tables.past)];
  const rotate = (t: JaxArray): JaxArray => {
    const [first, second] = np.split(t.ref, 2, -1);
    return t.mul(cos.ref).add(np.concatenate([second, first], -1).mul(sin.ref));
  };
  const before = (t: JaxArray): JaxArray => np.cumsum(t.ref, 1).sub(t);
  const project = jit((x: JaxArray, weight: JaxArray) =>
    np.matmul(x, np.matrixTranspose(weight)).reshape([batch, segments, N, H, d]).transpose([0, 1, 3, 2, 4]),
  ); // [B, S, H, N, d]
  const attend = jit((q: JaxArray, k: JaxArray, v: JaxArray) => {
    const scores = np.matmul(rotate(q).mul(d ** -0.5), np.matrixTranspose(rotate(k)));
    return np.matmul(nn.softmax(scores.add(mask.ref), -1), v);
  });
  const recall = jit((q: JaxArray, k: JaxArray, v: JaxArray) => {
    const [sigmaQ, sigmaK] = [nn.elu(q).add(1), nn.elu(k).add(1)];
    const M = before(np.matmul(np.matrixTranspose(sigmaK.ref), v)); // [B, S, H, d, d]
    const z = before(sigmaK.sum(-2, { keepdims: true })); // [B, S, H, 1, d]
    return np.matmul(sigmaQ.ref, M).div(np.matmul(sigmaQ, np.matrixTranspose(z)).add(1e-6));
  });
  const mix = jit((local: JaxArray, fromMemory: JaxArray, beta: JaxArray) => {
    const gate = nn.sigmoid(beta).mul(past.ref).reshape([batch, segments, H, 1, 1]);
    return local.ref.add(gate.mul(fromMemory.sub(local)));
  });
  const join = jit((A: JaxArray, weight: JaxArray) =>
    np.matmul(A.transpose([0, 1, 3, 2, 4]).reshape([batch, segments * N, H * d]), np.matrixTranspose(weight)),
  );
  return ({ query, key, value, output, gate }, x) => {
    const [q, k, v] = [project(x.ref, query), project(x.ref, key), project(x, value)];
    return join(mix(attend(q.ref, k.ref, v.ref), recall(q, k, v), gate), output);
  };
}
