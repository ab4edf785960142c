import {
  at,
  dot,
  lanesOf,
  matrix,
  perHead,
  plus,
  range,
  rotate,
  row,
  scale,
  sigmoid,
  sizeAt,
  softmaxOf,
  times,
  total,
  zeros,
  type Matrix,
  type NumericTensor,
  type Vector,
  columns,
} from "../../mixers/testing/naive-math.ts";
import type { ProjectionParams } from "../../mixers/shared/projections.ts";
import type { ModelConfig } from "../config.ts";
import type { RecurrentMemoryParams } from "./stack.ts";
import type { BlockParams } from "../stack.ts";

/*
 * The Recurrent Memory Transformer in loops over numbers of double precision: each segment goes through a plain causal
 * transformer between two copies of the memory. It shares nothing with stack.ts but types.
 */

export interface NaiveRecurrentMemory {
  readonly y: NumericTensor; // [B, T, D]
  /** After the last full segment. */
  readonly state: { readonly memory: { readonly vectors: NumericTensor; readonly written: NumericTensor } };
}

/** For x [B, T, D] of any length T, from an empty past. */
export function naiveRecurrentMemory(
  config: ModelConfig,
  params: RecurrentMemoryParams<NumericTensor>,
  x: NumericTensor,
): NaiveRecurrentMemory {
  const [B, T, D] = [sizeAt(x, 0), sizeAt(x, 1), sizeAt(x, 2)];
  const lanes = lanesOf(x).map((tokens) => readLane(config, params, tokens));
  const p = sizeAt(params.memory, 0);
  return {
    y: { shape: [B, T, D], data: lanes.flatMap(({ outputs }) => outputs.flat()) },
    state: {
      memory: {
        vectors: { shape: [B, p, D], data: lanes.flatMap(({ memory }) => memory.flat()) },
        written: { shape: [B], data: lanes.map(({ written }) => written) },
      },
    },
  };
}

// --- internal ---

interface Lane {
  readonly outputs: Matrix; // [T][D]
  readonly memory: Matrix; // [p][D], zeros before the first full segment
  readonly written: number;
}

function readLane(config: ModelConfig, params: RecurrentMemoryParams<NumericTensor>, xs: Matrix): Lane {
  const N = config.segmentLength;
  const p = sizeAt(params.memory, 0);
  let memory = matrix(params.memory);
  const outputs: Vector[] = [];
  for (let start = 0; start < xs.length; start += N) {
    const segment = xs.slice(start, start + N);
    const hidden = transformer(config, params, [...memory, ...segment, ...memory]);
    outputs.push(...hidden.slice(p, p + segment.length));
    if (segment.length === N) memory = hidden.slice(p + N);
  }
  const written = Math.floor(xs.length / N);
  return { outputs, memory: written > 0 ? memory : range(p).map(() => zeros(config.modelDim)), written };
}

/** Causal attention and SwiGLU in every layer, then the final norm. */
function transformer(config: ModelConfig, params: RecurrentMemoryParams<NumericTensor>, rows: Matrix): Matrix {
  let h = rows;
  for (const block of Object.values(params.blocks)) {
    const attended = attention(config, block, normalized(config, h, block.attentionNorm));
    h = h.map((x, i) => plus(x, at(attended, i)));
    const fed = normalized(config, h, block.feedForwardNorm).map((x) => feedForward(block, x));
    h = h.map((x, i) => plus(x, at(fed, i)));
  }
  return normalized(config, h, params.finalNorm);
}

function attention(config: ModelConfig, block: BlockParams<NumericTensor>, rows: Matrix): Matrix {
  const { query, key, value, output } = block.attention as ProjectionParams<NumericTensor>;
  const { numHeads: H, numKeyValueHeads: K, headDim } = config;
  const projected = (W: NumericTensor, heads: number): Matrix[] =>
    perHead(columns(W), heads).map((ofHead) => rows.map((x) => times(x, ofHead)));
  const [q, k, v] = [projected(query, H), projected(key, K), projected(value, K)];
  const turned = (x: Matrix): Matrix => x.map((each, position) => rotate(config, each, position));
  return rows.map((_, i) => {
    const heads = q.map((queries, h) => {
      const group = Math.floor(h / (H / K));
      const own = at(turned(queries), i);
      const seen = turned(at(k, group)).slice(0, i + 1);
      const weights = softmaxOf(seen.map((each) => dot(own, each) / Math.sqrt(headDim)));
      return total(weights.map((share, j) => scale(share, at(at(v, group), j))));
    });
    return times(heads.flat(), columns(output));
  });
}

function feedForward({ feedForward: { gate, up, down } }: BlockParams<NumericTensor>, x: Vector): Vector {
  const linear = times(x, columns(up));
  const gated = times(x, columns(gate)).map((a, i) => a * sigmoid(a) * at(linear, i));
  return times(gated, columns(down));
}

function normalized({ normEpsilon }: ModelConfig, rows: Matrix, weights: NumericTensor): Matrix {
  return rows.map((x) => {
    const root = Math.sqrt(dot(x, x) / x.length + normEpsilon);
    return x.map((value, i) => (value / root) * at(row(weights, 0), i));
  });
}
