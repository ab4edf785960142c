import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  add,
  broadcastTo,
  cast,
  concat,
  constant,
  crossEntropy,
  cumulativeSum,
  dequantizeBlocks,
  div,
  elu,
  eluPlusOne,
  equal,
  exp,
  gather,
  gatherBlocks,
  kthLargest,
  input,
  l2Normalize,
  less,
  linearCrossEntropy,
  log,
  logSoftmax,
  matmul,
  matmulBlocks,
  max,
  mean,
  min,
  mul,
  neg,
  pad,
  reshape,
  rmsNorm,
  rotate,
  scatterAdd,
  sigmoid,
  silu,
  slice,
  softmax,
  softmaxMatmul,
  sqrt,
  sub,
  sum,
  tanh,
  transpose,
  unitLowerInverse,
  where,
} from "./builder.ts";
import type { Shape } from "../tensor/host-tensor.ts";
import { broadcastShapes } from "./infer.ts";
import type { Op } from "./ops.ts";
import { apply, GraphError, type Tensor } from "./tensor.ts";

const float = (...shape: number[]): Tensor => input("float", shape);
const int = (...shape: number[]): Tensor => input("int", shape, "int32");
const half = (...shape: number[]): Tensor => input("half", shape, "float16");
const bytes = (...shape: number[]): Tensor => input("bytes", shape, "uint8");
const bool = (...shape: number[]): Tensor => cast(int(...shape), "bool");

interface Refusal {
  readonly build: () => Tensor;
  readonly message: string;
}
const refuse = (build: () => Tensor, message: string): Refusal => ({ build, message });

const floatsOnly = (build: (x: Tensor) => Tensor): Refusal[] => [
  refuse(() => build(int(2)), "(int32[2]): needs float32, got int32"),
  refuse(() => build(bool(2)), "(bool[2]): needs float32, got bool"),
];
const fitting = (build: (a: Tensor, b: Tensor) => Tensor): Refusal[] => [
  refuse(() => build(float(2, 3), float(2)), "(float32[2, 3], float32[2]): [2, 3] and [2] do not broadcast"),
  refuse(() => build(float(2), int(2)), "(float32[2], int32[2]): operands must have the same numeric type"),
  refuse(() => build(half(2), half(2)), "(float16[2], float16[2]): operands must have the same numeric type"),
  refuse(() => build(bool(2), bool(2)), "(bool[2], bool[2]): operands must have the same numeric type"),
];
const reduction = (build: (x: Tensor, axes?: readonly number[]) => Tensor): Refusal[] => [
  ...floatsOnly((x) => build(x)),
  refuse(() => build(float(2, 3), [2]), "(float32[2, 3]): [2, 3] has no axis 2"),
  refuse(() => build(float(2, 3), [-3]), "(float32[2, 3]): [2, 3] has no axis -1"),
];
const alongLast = (build: (x: Tensor) => Tensor): Refusal[] => [
  ...floatsOnly(build),
  refuse(() => build(float()), "(float32[]): [] has no axis -1"),
];

const CANNOT_FAIL: readonly Refusal[] = [];

/** What each operation refuses, and with which message. Total: an operation without an entry does not compile. */
const refusals: { readonly [K in Op]: readonly Refusal[] } = {
  input: [refuse(() => apply("input", [], { name: "x" }), "(): inputs are made with input()")],
  constant: CANNOT_FAIL,

  neg: floatsOnly(neg),
  exp: floatsOnly(exp),
  log: floatsOnly(log),
  sqrt: floatsOnly(sqrt),
  sigmoid: floatsOnly(sigmoid),
  tanh: floatsOnly(tanh),
  elu: floatsOnly(elu),
  cast: [
    refuse(() => apply("cast", [], { to: "bool" }), "(): takes one operand"),
    refuse(() => cast(float(2), "float16"), "(float32[2]): cannot convert to float16 in a graph"),
    refuse(() => cast(int(2), "uint8"), "(int32[2]): cannot convert to uint8 in a graph"),
  ],

  add: fitting(add),
  sub: fitting(sub),
  mul: fitting(mul),
  div: fitting(div),
  min: fitting(min),
  max: fitting(max),
  equal: fitting(equal),
  less: fitting(less),
  where: [
    refuse(() => where(float(2), 1, 2), "(float32[2], float32[], float32[]): the condition must be bool"),
    refuse(() => where(bool(2), float(3), 2), "(bool[2], float32[3], float32[]): [2] and [3] do not broadcast"),
    refuse(() => where(bool(2), int(2), 2), "(bool[2], int32[2], float32[]): operands must have the same numeric type"),
  ],

  sum: reduction(sum),
  mean: reduction(mean),
  cumulativeSum: [
    ...floatsOnly((x) => cumulativeSum(x, 0)),
    refuse(() => cumulativeSum(float(2), 1), "(float32[2]): [2] has no axis 1"),
  ],

  softmax: alongLast(softmax),
  logSoftmax: alongLast(logSoftmax),
  kthLargest: [
    ...alongLast((x) => kthLargest(x, 1)),
    refuse(() => kthLargest(float(2, 3), 4), "(float32[2, 3]): there is no element 4 in rows of 3"),
    refuse(() => kthLargest(float(2, 3), 0), "(float32[2, 3]): there is no element 0 in rows of 3"),
  ],
  rotate: [
    refuse(
      () => rotate(float(3, 4), float(3, 4), float(3, 4)),
      "(float32[3, 4], float32[3, 4], float32[3, 4]): [3, 4] and [3, 2] do not broadcast",
    ),
    refuse(
      () => rotate(float(2, 3, 5), float(3, 2), float(3, 2)),
      "(float32[2, 3, 5], float32[3, 2], float32[3, 2]): [3, 2] and [2, 3, 2.5] do not broadcast",
    ),
    refuse(
      () => rotate(float(4), float(4, 2), float(4, 2)),
      "(float32[4], float32[4, 2], float32[4, 2]): the tables must have one angle for each pair of a row",
    ),
    refuse(
      () => rotate(float(3, 4), float(3, 1), float(3, 2)),
      "(float32[3, 4], float32[3, 1], float32[3, 2]): the tables must have one angle for each pair of a row",
    ),
    refuse(
      () => rotate(int(1, 2), float(1, 1), float(1, 1)),
      "(int32[1, 2], float32[1, 1], float32[1, 1]): needs float32, got int32",
    ),
  ],

  matmul: [
    refuse(() => matmul(float(2, 3), float(4, 5)), "(float32[2, 3], float32[4, 5]): inner sizes 3 and 4 differ"),
    refuse(() => matmul(float(3), float(3, 2)), "(float32[3], float32[3, 2]): needs two axes or more"),
    refuse(
      () => matmul(float(2, 1, 3), float(4, 3, 1)),
      "(float32[2, 1, 3], float32[4, 3, 1]): [2] and [4] do not broadcast",
    ),
    refuse(() => matmul(int(1, 1), int(1, 1)), "(int32[1, 1], int32[1, 1]): needs float32, got int32"),
  ],

  transpose: [
    refuse(() => transpose(float(2, 3), [0]), "(float32[2, 3]): [0] is not a permutation of the axes"),
    refuse(() => transpose(float(2, 3), [1, 1]), "(float32[2, 3]): [1, 1] is not a permutation of the axes"),
  ],
  reshape: [refuse(() => reshape(float(2, 3), [4]), "(float32[2, 3]): cannot become [4]")],
  broadcastTo: [
    refuse(() => broadcastTo(float(2), [3]), "(float32[2]): [2] and [3] do not broadcast"),
    refuse(() => broadcastTo(float(2, 3), [3]), "(float32[2, 3]): cannot become [3]"),
    refuse(() => broadcastTo(float(2), [1]), "(float32[2]): cannot become [1]"),
  ],
  concat: [
    refuse(() => concat([], 0), "(): takes one operand or more"),
    refuse(
      () => concat([float(2, 3), float(3, 3)], 1),
      "(float32[2, 3], float32[3, 3]): operands may differ along axis 1 only",
    ),
    refuse(() => concat([float(2), int(2)], 0), "(float32[2], int32[2]): operands may differ along axis 0 only"),
    refuse(
      () => concat([float(2), float(2, 1)], 0),
      "(float32[2], float32[2, 1]): operands may differ along axis 0 only",
    ),
    refuse(() => concat([float(2), float(2)], 1), "(float32[2], float32[2]): [2] has no axis 1"),
  ],
  slice: [
    refuse(() => slice(float(3), 0, 1, 4), "(float32[3]): [1, 4) does not lie inside axis 0"),
    refuse(() => slice(float(3), 0, -1, 2), "(float32[3]): [-1, 2) does not lie inside axis 0"),
    refuse(() => slice(float(3), 0, 2, 2), "(float32[3]): [2, 2) does not lie inside axis 0"),
    refuse(() => slice(float(3), 1, 0, 1), "(float32[3]): [3] has no axis 1"),
  ],
  pad: [
    ...floatsOnly((x) => pad(x, 0, 1, 1)),
    refuse(() => pad(float(3), 0, -1, 1), "(float32[3]): padding cannot be negative"),
    refuse(() => pad(float(3), 1, 1, 1), "(float32[3]): [3] has no axis 1"),
  ],

  gather: [
    refuse(() => gather(float(3, 2), float(4)), "(float32[3, 2], float32[4]): needs int32 indices, got float32"),
    refuse(() => gather(float(), int(4)), "(float32[], int32[4]): [] has no axis 0"),
  ],
  scatterAdd: [
    refuse(() => scatterAdd(float(3, 2), int(4), 5), "(float32[3, 2], int32[4]): needs one index for each row"),
    refuse(() => scatterAdd(float(3), int(3, 2), 5), "(float32[3], int32[3, 2]): needs one index for each row"),
    refuse(() => scatterAdd(float(3), float(3), 5), "(float32[3], float32[3]): needs int32 indices, got float32"),
    refuse(() => scatterAdd(int(3), int(3), 5), "(int32[3], int32[3]): needs float32, got int32"),
  ],

  dequantizeBlocks: [
    refuse(
      () => dequantizeBlocks({ blocks: bytes(2, 3, 8), scales: float(2, 3) }),
      "(uint8[2, 3, 8], float32[2, 3]): codes must be uint8 [out, blocks, 16 or 32]",
    ),
    refuse(
      () => dequantizeBlocks({ blocks: int(2, 3, 16), scales: float(2, 3) }),
      "(int32[2, 3, 16], float32[2, 3]): codes must be uint8 [out, blocks, 16 or 32]",
    ),
    refuse(
      () => dequantizeBlocks({ blocks: bytes(2, 3, 16), scales: float(2, 1) }),
      "(uint8[2, 3, 16], float32[2, 1]): scales must be float32[2, 3]",
    ),
    refuse(
      () => dequantizeBlocks({ blocks: bytes(2, 3, 16), scales: float(2, 3), zeroPoints: bytes(2, 3) }),
      "(uint8[2, 3, 16], float32[2, 3], uint8[2, 3]): zero points must be uint8[2, 2]",
    ),
    refuse(() => apply("dequantizeBlocks", [], {}), "(): takes codes and scales"),
  ],
  matmulBlocks: [
    refuse(
      () => matmulBlocks(float(32), { blocks: bytes(2, 1, 16), scales: float(2, 1) }),
      "(float32[32], uint8[2, 1, 16], float32[2, 1]): needs two axes or more",
    ),
    refuse(
      () => matmulBlocks(float(2, 32), { blocks: bytes(2, 2, 16), scales: float(2, 2) }),
      "(float32[2, 32], uint8[2, 2, 16], float32[2, 2]): inner sizes 32 and 64 differ",
    ),
    refuse(
      () => matmulBlocks(int(2, 64), { blocks: bytes(2, 2, 32), scales: float(2, 2) }),
      "(int32[2, 64], uint8[2, 2, 32], float32[2, 2]): needs float32, got int32",
    ),
  ],
  gatherBlocks: [
    refuse(
      () => gatherBlocks({ blocks: bytes(2, 2, 16), scales: float(2, 2) }, float(3)),
      "(float32[3], uint8[2, 2, 16], float32[2, 2]): needs int32 indices, got float32",
    ),
  ],

  eluPlusOne: floatsOnly(eluPlusOne),
  silu: floatsOnly(silu),
  rmsNorm: [
    ...[float(3), float(1, 2), float()].map((scale) =>
      refuse(
        () => rmsNorm(float(4, 2), scale, 1e-6),
        `(float32[4, 2], float32[${scale.shape.join(", ")}]): the scale must have one element for each feature`,
      ),
    ),
    refuse(() => rmsNorm(int(2), float(2), 1e-6), "(int32[2], float32[2]): needs float32, got int32"),
  ],
  l2Normalize: alongLast(l2Normalize),
  softmaxMatmul: [
    refuse(() => softmaxMatmul(float(2, 3), float(4, 5)), "(float32[2, 3], float32[4, 5]): inner sizes 3 and 4 differ"),
    refuse(() => softmaxMatmul(int(1, 1), int(1, 1)), "(int32[1, 1], int32[1, 1]): needs float32, got int32"),
  ],
  crossEntropy: [
    refuse(() => crossEntropy(float(2, 5), int(3)), "(float32[2, 5], int32[3]): needs one target for each row"),
    refuse(() => crossEntropy(float(2, 5), int(2, 1)), "(float32[2, 5], int32[2, 1]): needs one target for each row"),
    refuse(() => crossEntropy(float(2, 5), float(2)), "(float32[2, 5], float32[2]): needs int32 indices, got float32"),
    refuse(() => crossEntropy(float(), int()), "(float32[], int32[]): [] has no axis -1"),
  ],
  linearCrossEntropy: [
    refuse(
      () => linearCrossEntropy(float(2, 5), float(5, 7), int(2), 9),
      "(float32[2, 5], float32[5, 7], int32[2]): the weight must have a row as wide as x for each class",
    ),
    refuse(
      () => linearCrossEntropy(float(2, 5), float(7, 5), int(3)),
      "(float32[2, 5], float32[7, 5], int32[3]): needs one target for each row",
    ),
    refuse(
      () => linearCrossEntropy(float(2, 5), float(7, 5), int(2), 0),
      "(float32[2, 5], float32[7, 5], int32[2]): must take at least one row at a time",
    ),
    refuse(
      () => linearCrossEntropy(int(2, 5), float(7, 5), int(2)),
      "(int32[2, 5], float32[7, 5], int32[2]): needs float32, got int32",
    ),
  ],
  stopGradient: [refuse(() => apply("stopGradient", [], {}), "(): takes one operand")],
  unitLowerInverse: [
    ...floatsOnly(unitLowerInverse),
    refuse(() => unitLowerInverse(float(2, 3)), "(float32[2, 3]): needs square matrices"),
    refuse(() => unitLowerInverse(float(1)), "(float32[1]): needs square matrices"),
  ],
};

describe("what operations refuse", () => {
  const all = Object.entries(refusals).flatMap(([op, list]) => list.map((refusal) => ({ op, ...refusal })));

  it.each(all)("$op $message", ({ op, build, message }) => {
    const error = errorOf(build);
    expect(error).toBeInstanceOf(GraphError);
    expect(error?.message).toContain(`${op}${message} (at `);
    expect(error?.message).toMatch(/infer\.test\.ts:\d+:\d+\)$/);
  });

  it("accepts every constant", () => {
    const value = { dtype: "int32", shape: [2], data: Int32Array.of(1, 2) } as const;
    expect(constant(value)).toMatchObject({ dtype: "int32", shape: [2] });
  });
});

describe("broadcastShapes", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 });
  /** A shape that broadcasts to another: some of its axes are 1, some outer ones are missing. */
  const narrowed = (shape: Shape): fc.Arbitrary<Shape> =>
    fc
      .tuple(fc.integer({ min: 0, max: shape.length }), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }))
      .map(([dropped, ones]) => shape.map((size, axis) => (ones[axis] ? 1 : size)).slice(dropped));
  const fittingPair = sizes.chain((shape) => fc.tuple(fc.constant(shape), narrowed(shape)));

  it("keeps a shape that the other broadcasts to", () => {
    fc.assert(
      fc.property(fittingPair, ([shape, narrow]) => {
        expect(broadcastShapes(shape, narrow)).toEqual(shape);
        expect(broadcastShapes(narrow, shape)).toEqual(shape);
      }),
    );
  });

  it("does not depend on order or grouping", () => {
    const triple = sizes.chain((shape) => fc.tuple(narrowed(shape), narrowed(shape), narrowed(shape)));
    fc.assert(
      fc.property(triple, ([a, b, c]) => {
        expect(broadcastShapes(a, b)).toEqual(broadcastShapes(b, a));
        expect(broadcastShapes(broadcastShapes(a, b), c)).toEqual(broadcastShapes(a, broadcastShapes(b, c)));
      }),
    );
  });

  it("fails exactly where aligned axes differ and neither is one", () => {
    fc.assert(
      fc.property(sizes, sizes, (a, b) => {
        const clash = a.toReversed().some((size, i) => {
          const other = b.toReversed()[i] ?? 1;
          return size !== other && size !== 1 && other !== 1;
        });
        if (clash) expect(() => broadcastShapes(a, b)).toThrow("do not broadcast");
        else expect(broadcastShapes(a, b)).toHaveLength(Math.max(a.length, b.length));
      }),
    );
  });
});

// --- internal ---

function errorOf(build: () => unknown): Error | undefined {
  try {
    build();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
