import { beforeAll, describe, expect, it } from "vitest";
import { gradients } from "../autodiff/gradients.ts";
import { expectClose } from "../engine/engine.suite.ts";
import type { Engine } from "../engine/engine.ts";
import { createNodeEngine } from "../engine/ort/ort-node.ts";
import { evaluate } from "../engine/reference/reference.ts";
import { createRng } from "../base/random.ts";
import { OptionError } from "../base/errors.ts";
import { add, input, matmul, mul, sum } from "../graph/builder.ts";
import { createGraph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { dequantizeBlocks } from "../tensor/blocks.ts";
import {
  filled,
  floatTensor,
  intTensor,
  sizeOf,
  type FloatTensor,
  type HostTensor,
  type Shape,
} from "../tensor/host-tensor.ts";
import { toFloat32 } from "../tensor/number-types.ts";
import { flatten, mapTree } from "../tensor/tree.ts";
import { embed, frozen, linear, linearLosses, type Weight } from "./weight.ts";
import { storeWeight, type StoredWeight, type WeightStorage } from "./weight-storage.ts";

const [OUT, IN, RANK] = [7, 64, 3];
const rng = createRng(5);
const random = (shape: Shape): FloatTensor =>
  floatTensor(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => rng.normal()),
  );

/** How a weight is stored, and the matrix float32 [OUT, IN] that it stands for. */
interface Kept {
  readonly tree: object;
  readonly dense: FloatTensor;
}

const [MATRIX, A, B] = [random([OUT, IN]), random([RANK, IN]), random([OUT, RANK])];

function kept(storage: WeightStorage): Kept {
  const tree = storeWeight(MATRIX, { role: "matrix" }, storage);
  return { tree, dense: denseOf(tree) };
}

function denseOf(stored: StoredWeight): FloatTensor {
  return "blocks" in stored ? dequantizeBlocks(stored) : toFloat32(stored);
}

function adapted({ tree: base, dense }: Kept): Kept {
  const [a, b] = [random([RANK, IN]), random([OUT, RANK])];
  const data = dense.data.map((x, i) => {
    const [row, column] = [Math.floor(i / IN), i % IN];
    return Array.from(
      { length: RANK },
      (_, r) => (b.data[row * RANK + r] ?? 0) * (a.data[r * IN + column] ?? 0),
    ).reduce((p, q) => p + q, x);
  });
  return { tree: { base, a, b }, dense: floatTensor(dense.shape, data) };
}

const kinds: Record<string, Kept> = {
  float32: kept({ dtype: "float32" }),
  float16: kept({ dtype: "float16" }),
  bfloat16: kept({ dtype: "bfloat16" }),
  "blocks of 4 bits": kept({ bits: 4 }),
  "blocks of 4 bits with zero points": kept({ bits: 4, zeroPoints: true }),
  "blocks of 8 bits": kept({ bits: 8 }),
};
const all = Object.entries(kinds).flatMap(([name, one]) => [
  [name, one] as const,
  [`${name}, adapted`, adapted(one)] as const,
]);

const x = input("x", [2, 3, IN]);
const indices = input("indices", [2, 3], "int32");
const feeds = { x: random([2, 3, IN]), indices: intTensor([2, 3], Int32Array.of(6, 0, 3, 3, 1, 5)) };

describe.each(all)("a weight in %s", (_, { tree, dense }) => {
  const weight = mapTree<Exclude<Weight, Tensor>>({ w: tree }, (leaf, path) => {
    const { shape, dtype } = leaf as HostTensor;
    return input(path, shape, dtype);
  }) as unknown as { w: Weight };
  const outputs = (w: Weight): Record<string, Tensor> => ({
    product: linear(x, w),
    rows: embed(w, indices),
    losses: linearLosses(x, w, indices),
  });
  const values = { ...feeds, ...flatten<HostTensor>({ w: tree }) };

  let engine: Engine;
  beforeAll(async () => {
    engine = await createNodeEngine({ threads: 1 });
  });

  it("gives the same results as the matrix that it stands for, in double precision and on the CPU", async () => {
    const graph = createGraph(outputs(weight.w));
    const expected = evaluate(createGraph(outputs(input("w", [OUT, IN]))), { ...feeds, w: dense });
    const actual = evaluate(graph, values);
    const program = await engine.compile(graph);
    const computed = await program.run(values);
    await program.dispose();
    for (const [name, value] of Object.entries(expected)) {
      expectClose(actual[name], value, 1e-6);
      expectClose(computed[name], value, 1e-5);
    }
  });

  it("lets gradients through to its other operand", () => {
    const slope = (w: Weight): Tensor => sum(mul(linear(x, w), input("dy", [2, 3, OUT])));
    const dy = random([2, 3, OUT]);
    const graph = (w: Weight): Record<string, Tensor> =>
      Object.fromEntries(gradients(slope(w), [x]).map((gradient) => ["dx", gradient]));
    const expected = evaluate(createGraph(graph(input("w", [OUT, IN]))), { ...feeds, dy, w: dense })["dx"];
    if (!expected) throw new Error("nothing to compare with");
    expectClose(evaluate(createGraph(graph(weight.w)), { ...values, dy })["dx"], expected, 1e-6);
  });

  it("can be frozen, with the same results", () => {
    const graph = createGraph(outputs(frozen(weight.w)));
    const loss = sum(linear(x, frozen(weight.w)));
    const leaves = Object.values(flatten<Tensor>(weight)).filter(({ dtype }) => dtype === "float32");
    const zero = gradients(loss, leaves).map((gradient, i) => [`d${i}`, gradient] as const);
    for (const { data } of Object.values(evaluate(createGraph(Object.fromEntries(zero)), values)))
      expect(data.every((value) => value === 0)).toBe(true);
    expect(evaluate(graph, values)).toEqual(evaluate(createGraph(outputs(weight.w)), values));
  });
});

it("gives an adapted weight the gradients of base + b a, and its frozen base none", () => {
  const [base, a, b] = [input("base", [OUT, IN]), input("a", [RANK, IN]), input("b", [OUT, RANK])];
  const slopes = (product: Tensor): Tensor[] => gradients(sum(mul(product, product)), [x, a, b, base]);
  const [adaptedSlopes, wholeSlopes] = [
    slopes(linear(x, { base: frozen(base), a, b })),
    slopes(linear(x, add(frozen(base) as Tensor, matmul(b, a)))),
  ].map((nodes) => {
    const graph = createGraph(Object.fromEntries(nodes.map((node, i) => [["dx", "da", "db", "dbase"][i] ?? "", node])));
    return evaluate(graph, { ...feeds, base: MATRIX, a: A, b: B });
  });
  for (const [name, expected] of Object.entries(wholeSlopes ?? {})) {
    expectClose(adaptedSlopes?.[name], expected, 1e-9);
    expect(expected.data.some((value) => value !== 0)).toBe(name !== "dbase");
  }
});

describe("storeWeight", () => {
  it.each(["norm", "gate", "bias"] as const)("keeps a %s in float32 whatever storage is requested", (role) => {
    const half = storeWeight(filled([64], 0.1), { role: "matrix" }, { dtype: "float16" }) as HostTensor;
    expect(half.dtype).toBe("float16");
    expect((storeWeight(half, { role }, { bits: 4 }) as HostTensor).dtype).toBe("float32");
    expect((storeWeight(half, { role }, { dtype: "bfloat16" }) as HostTensor).dtype).toBe("float32");
  });

  it("leaves unchanged matrices whose rows are not whole blocks, and those of the right type", () => {
    const odd = filled([4, 33], 1);
    expect(storeWeight(odd, { role: "matrix" }, { bits: 8 })).toBe(odd);
    expect(storeWeight(odd, { role: "embedding" }, { dtype: "float32" })).toBe(odd);
  });

  it("refuses whole numbers", () => {
    expect(() => storeWeight(intTensor([1], Int32Array.of(1)), { role: "matrix" }, { bits: 4 })).toThrow(OptionError);
  });
});
