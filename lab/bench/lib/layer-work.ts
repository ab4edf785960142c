import { infiniAttention } from "../../../src/mixers/infini/mixer.ts";
import { floatTensor, type FloatTensor, type Shape } from "../../../src/tensor/host-tensor.ts";
import type { ModelConfig } from "../../../src/model/config.ts";
import { gaussianSpec } from "../../../src/nn/init.ts";
import { initialize } from "../../../src/nn/spec.ts";
import { createRng, type Rng } from "../../../src/base/random.ts";
import { benchTraining } from "./models.ts";

/* One layer as work for any library: its weights, its input, and the tables that its maths needs. */

/** Its weights, in the order of their gradients. */
export const WEIGHTS = ["query", "key", "value", "output", "gate"] as const;
export type LayerWeights<T> = { readonly [name in (typeof WEIGHTS)[number]]: T };

/** The output alone, or the output and the gradient of each weight. */
export type LayerTask = "forward" | "gradients";

export interface LayerWork {
  readonly task: LayerTask;
  /** There are as many heads of keys and values as of queries. */
  readonly config: ModelConfig;
  readonly batch: number; // B
  readonly segments: number; // S
  readonly weights: LayerWeights<FloatTensor>; // [H*d, D] three times, [D, H*d] and [H]
  readonly x: FloatTensor; // [B, S*N, D]
  /**
   * The gradient of a loss with respect to the output, scaled so that those of the weights are as large as the output:
   * about 0.1.
   */
  readonly slope: FloatTensor; // [B, S*N, D]
}

/** The layer in some library. */
export interface Layer {
  readonly name: string;
  /** Does the task once. The results are in host memory. */
  run(): Promise<Float32Array[]>;
  stop?(): Promise<void>;
}

/** The attention of a layer of the benchmark's model, with fresh weights, on noise: the same every time. */
export function layerWork(task: LayerTask, quick: boolean): LayerWork {
  const { model: config, training } = benchTraining(quick);
  const { batch, length } = training;
  const rng = createRng(1);
  const shape = [batch, length, config.modelDim];
  return {
    task,
    config,
    batch,
    segments: length / config.segmentLength,
    weights: initialize(infiniAttention(config).specs(1), rng.fork("params")),
    x: noise(shape, 1, rng.fork("input")),
    slope: noise(shape, (batch * length) ** -0.5, rng.fork("slope")),
  };
}

/** What peers need besides the weights. Rotary positions are x * cos + (halves of x swapped) * sin. */
export interface LayerTables {
  readonly cos: FloatTensor; // [N, d]
  /** Minus in the first half. */
  readonly sin: FloatTensor; // [N, d]
  /** Added to scores: hides what comes later. */
  readonly mask: FloatTensor; // [N, N]
  /** 1 where there is a previous segment. */
  readonly past: FloatTensor; // [B*S, 1]
  /** Sums over the segments before each: 1 below the diagonal. */
  readonly earlier: FloatTensor; // [S, S]
}

export function layerTables({ config, batch, segments: S }: LayerWork): LayerTables {
  const { segmentLength: N, headDim: d, ropeBase } = config;
  const angle = (t: number, i: number): number => t * ropeBase ** (-(i % (d / 2)) / (d / 2));
  return {
    cos: table(N, d, (t, i) => Math.cos(angle(t, i))),
    sin: table(N, d, (t, i) => (i < d / 2 ? -1 : 1) * Math.sin(angle(t, i))),
    mask: table(N, N, (t, i) => (i > t ? -1e30 : 0)),
    past: table(batch * S, 1, (s) => (s % S === 0 ? 0 : 1)),
    earlier: table(S, S, (s, i) => (i < s ? 1 : 0)),
  };
}

// --- internal ---

/** Values from a normal distribution with mean zero. */
function noise(shape: Shape, standardDeviation: number, rng: Rng): FloatTensor {
  return gaussianSpec("noise", "bias", shape, standardDeviation).init(rng);
}

function table(rows: number, columns: number, f: (row: number, column: number) => number): FloatTensor {
  const data = Float32Array.from({ length: rows * columns }, (_, i) => f(Math.floor(i / columns), i % columns));
  return floatTensor([rows, columns], data);
}
