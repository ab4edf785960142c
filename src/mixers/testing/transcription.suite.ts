import { describe, it } from "vitest";
import { gradients } from "../../autodiff/gradients.ts";
import { expectClose } from "../../engine/engine.suite.ts";
import { evaluate, type NumericTensor } from "../../engine/reference/reference.ts";
import { add, input, mul, sum } from "../../graph/builder.ts";
import { createGraph } from "../../graph/graph.ts";
import { sizeOf, type FloatTensor, type Shape } from "../../tensor/host-tensor.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { flatten, prefixed, type Flat } from "../../tensor/tree.ts";
import { at, symbols, valueOf, type Values, freshOf } from "./fixtures.ts";
import type { ParamSpec } from "../../nn/spec.ts";
import type { SequenceMixer } from "../contract.ts";

/** What make-fixtures.py of a mixer records: its published definition, transcribed to PyTorch. */
export interface Transcription {
  readonly y: readonly number[]; // [1, T, D]
  readonly auxiliary?: number;
  /** Of sum(y * wave(11)) + auxiliary, by weight in the order of their waves, then `x`. */
  readonly gradients: Readonly<Record<string, readonly number[]>>;
}

/** A mixer gives the outputs and gradients of its transcription, from an empty past and for the same waves. */
export function transcriptionSuite(mixer: SequenceMixer, modelDim: number, expected: Transcription): void {
  describe("the transcription in PyTorch", () => {
    const shape = [1, expected.y.length / modelDim, modelDim];
    const params = freshOf(mixer, 0);
    const names = Object.keys(expected.gradients).filter((name) => name !== "x");
    const feeds: Values = {
      ...waves(flatten<ParamSpec>(mixer.specs(1)), names),
      ...prefixed("state", flatten<FloatTensor>(mixer.initialState(1))),
      x: wave(shape, 10, 1.5),
      seed: wave(shape, 11, 1),
    };
    const weights = symbols(params, "params");
    const sources = { ...prefixed("params", flatten<Tensor>(weights)), x: input("x", shape) };
    const { y, auxiliary } = mixer.apply(weights, sources.x, symbols(mixer.initialState(1), "state"));
    const score = sum(mul(y, input("seed", shape)));
    const slopes = gradients(auxiliary ? add(score, auxiliary) : score, Object.values(sources));
    const byName = Object.fromEntries(Object.keys(sources).map((name, i) => [`gradients.${name}`, at(slopes, i)]));
    const found = evaluate(createGraph({ y, ...(auxiliary && { auxiliary }), ...byName }), feeds);

    it("has the same outputs", () => {
      expectClose(found["y"], { shape, data: expected.y }, TOLERANCE);
      if (expected.auxiliary !== undefined)
        expectClose(found["auxiliary"], { shape: [], data: [expected.auxiliary] }, TOLERANCE);
    });

    it.each(Object.keys(expected.gradients))("has the same gradient with respect to %s", (name) => {
      const slope = valueOf(found, `gradients.${name === "x" ? name : `params.${name}`}`);
      expectClose(slope, { shape: slope.shape, data: expected.gradients[name] ?? [] }, TOLERANCE);
    });
  });
}

// --- internal ---

/** Fixtures have eight digits; rotary tables have seven. */
const TOLERANCE = 2e-6;

/** Matrices [out, in] are drawn input by input. */
function waves(specs: Flat<ParamSpec>, names: readonly string[]): Values {
  const drawn = names.map((name, seed) => {
    const { role, shape } = valueOf(specs, name);
    return [name, role === "matrix" ? turned(wave(shape.toReversed(), seed, 0.9)) : wave(shape, seed, 0.9)] as const;
  });
  return prefixed("params", Object.fromEntries(drawn));
}

/** The matrix [columns, rows] of a matrix [rows, columns]. */
function turned({ shape, data }: NumericTensor): NumericTensor {
  const [rows = 0, columns = 0] = shape;
  const turnedData = Array.from({ length: data.length }, (_, i) =>
    at(data, (i % rows) * columns + Math.floor(i / rows)),
  );
  return { shape: [columns, rows], data: turnedData };
}

/** Numbers that every language computes the same way. */
function wave(shape: Shape, seed: number, amplitude: number): NumericTensor {
  const data = Array.from(
    { length: sizeOf(shape) },
    (_, i) => amplitude * Math.sin(1.7 * seed + 2.3 * i + 0.11 * i * i),
  );
  return { shape, data };
}
