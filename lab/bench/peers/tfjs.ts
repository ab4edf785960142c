import { createRequire } from "node:module";
import type { FloatTensor } from "../../../src/tensor/host-tensor.ts";
import { layerTables, WEIGHTS, type Layer, type LayerTables, type LayerWork } from "../lib/layer-work.ts";

/** One layer in TensorFlow.js on WebAssembly. Throws where it is not installed. */
export async function tfjsLayer(work: LayerWork): Promise<Layer> {
  const tf = await load();
  const place = ({ data, shape }: FloatTensor): Tensor => tf.tensor(data, shape);
  const x = tf.reshape(place(work.x), [-1, work.config.modelDim]); // products of two matrices use the fast kernel
  const slope = tf.reshape(place(work.slope), x.shape);
  const weights = WEIGHTS.map((name) => place(work.weights[name]));
  const { cos, sin, mask, past, earlier } = layerTables(work);
  const tables = { cos: place(cos), sin: place(sin), mask: place(mask), past: place(past), earlier: place(earlier) };
  const layer = (...given: Tensor[]): Tensor => attention(tf, work, tables, x, given);
  const withGradients = tf.valueAndGrads(layer);
  const read = async (tensors: readonly Tensor[]): Promise<Float32Array[]> => {
    const values = await Promise.all(tensors.map((tensor) => tensor.data()));
    for (const tensor of tensors) tensor.dispose();
    return values;
  };
  return {
    name: `TensorFlow.js ${tf.version_core}, WebAssembly, one thread`,
    async run() {
      if (work.task === "forward") return read([tf.tidy(() => layer(...weights))]);
      const { value, grads } = withGradients(weights, slope);
      return read([value, ...grads]);
    },
  };
}

// --- internal ---

interface Tensor {
  readonly shape: readonly number[];
  data(): Promise<Float32Array>;
  dispose(): void;
}

/** The parts of the library used here; the project does not depend on it. */
interface TensorFlow {
  readonly version_core: string;
  setBackend(name: string): Promise<boolean>;
  tensor(data: Float32Array, shape: readonly number[]): Tensor;
  tidy(work: () => Tensor): Tensor;
  valueAndGrads(
    f: (...inputs: Tensor[]) => Tensor,
  ): (inputs: readonly Tensor[], slope: Tensor) => { readonly value: Tensor; readonly grads: readonly Tensor[] };
  add(a: Tensor, b: Tensor | number): Tensor;
  sub(a: Tensor, b: Tensor): Tensor;
  mul(a: Tensor, b: Tensor | number): Tensor;
  div(a: Tensor, b: Tensor): Tensor;
  matMul(a: Tensor, b: Tensor, transposeA?: boolean, transposeB?: boolean): Tensor;
  reshape(x: Tensor, shape: readonly number[]): Tensor;
  transpose(x: Tensor, axes: readonly number[]): Tensor;
  split(x: Tensor, parts: number, axis: number): [Tensor, Tensor];
  concat(parts: readonly Tensor[], axis: number): Tensor;
  sum(x: Tensor, axis: number, keepAxis: boolean): Tensor;
  softmax(x: Tensor): Tensor;
  sigmoid(x: Tensor): Tensor;
  elu(x: Tensor): Tensor;
}

/** In Node its gradients must be imported explicitly. */
const PARTS = [
  "@tensorflow/tfjs-core",
  "@tensorflow/tfjs-core/dist/register_all_gradients.js",
  "@tensorflow/tfjs-backend-wasm",
];

async function load(): Promise<TensorFlow> {
  const require = createRequire(import.meta.url);
  const [tf] = PARTS.map((name) => require(name) as unknown) as [TensorFlow];
  if (!(await tf.setBackend("wasm"))) throw new Error("its WebAssembly backend does not start");
  return tf;
}

/** Eqs. 5 to 11 for x [B*S*N, D]. Heads of segments share one axis, P = B*S*H of them. */
function attention(
  tf: TensorFlow,
  { config, batch, segments }: LayerWork,
  { cos, sin, mask, past, earlier }: { readonly [name in keyof LayerTables]: Tensor },
  x: Tensor,
  [query, key, value, output, beta]: readonly Tensor[],
): Tensor {
  if (!query || !key || !value || !output || !beta) throw new Error("the layer needs five weights");
  const { segmentLength: N, numHeads: H, headDim: d } = config;
  const heads = (weight: Tensor): Tensor => {
    const apart = tf.reshape(tf.matMul(x, weight, false, true), [batch * segments, N, H, d]);
    return tf.reshape(tf.transpose(apart, [0, 2, 1, 3]), [-1, N, d]);
  };
  const rotate = (t: Tensor): Tensor => {
    const [first, second] = tf.split(t, 2, -1);
    return tf.add(tf.mul(t, cos), tf.mul(tf.concat([second, first], -1), sin));
  };
  // The gradient of tf.cumsum is wrong along an axis that is not the last, so a product replaces it.
  const before = (t: Tensor): Tensor => tf.reshape(tf.matMul(earlier, tf.reshape(t, [batch, segments, -1])), t.shape);
  const [q, k, v] = [heads(query), heads(key), heads(value)]; // [P, N, d]
  const scores = tf.matMul(tf.mul(rotate(q), d ** -0.5), rotate(k), false, true);
  const local = tf.matMul(tf.softmax(tf.add(scores, mask)), v);
  const [sigmaQ, sigmaK] = [tf.add(tf.elu(q), 1), tf.add(tf.elu(k), 1)];
  const M = before(tf.matMul(sigmaK, v, true)); // [P, d, d]
  const z = before(tf.sum(sigmaK, 1, true)); // [P, 1, d]
  const fromMemory = tf.div(tf.matMul(sigmaQ, M), tf.add(tf.matMul(sigmaQ, z, false, true), 1e-6));
  const gate = tf.reshape(tf.mul(tf.sigmoid(beta), past), [-1, 1, 1]); // [P, 1, 1]
  const A = tf.add(local, tf.mul(gate, tf.sub(fromMemory, local)));
  const together = tf.transpose(tf.reshape(A, [batch * segments, H, N, d]), [0, 2, 1, 3]);
  return tf.matMul(tf.reshape(together, [-1, H * d]), output, false, true);
}
