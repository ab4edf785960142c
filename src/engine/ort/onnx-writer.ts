import onnxProto from "onnx-proto";
import type { Graph } from "../../graph/graph.ts";
import { sizeOf, type DType, type HostTensor } from "../../tensor/host-tensor.ts";
import type { Op, OpAttributes, PrimitiveOp } from "../../graph/ops.ts";
import { GraphError, type Tensor } from "../../graph/tensor.ts";

const { onnx } = onnxProto;

/** The operator set the models ask for, unless they read bfloat16. No operator outside the standard set is written. */
export const OPSET_VERSION = 23;

/** A version of the standard operators, and that of the file format that came with it. */
interface OperatorSet {
  readonly opset: number;
  readonly ir: number;
}
const USUAL: OperatorSet = { opset: OPSET_VERSION, ir: 11 };
const BIT_CAST: OperatorSet = { opset: 26, ir: 13 };

/**
 * A graph of primitive operations as the bytes of an ONNX model.
 *
 * @param device What is to run it. For `webgpu`, operators that ONNX Runtime has no kernel for there, and would compute on the
 *   CPU in the middle of a run, are written as others. Default `cpu`.
 */
export function writeOnnx(graph: Graph, device = "cpu"): Uint8Array {
  const known = device === "webgpu" ? { ...emitters, ...webgpuEmitters } : emitters;
  const writer = createWriter();
  const names = new Map<Tensor, string>();
  const outputNames = firstNames(graph);
  graph.nodes.forEach((node, i) => names.set(node, writeNode(node, outputNames.get(node) ?? `#${i}`)));

  function writeNode(node: Tensor, name: string): string {
    if (node.op === "input") return (node.attributes as OpAttributes["input"]).name;
    const emit = known[node.op as keyof typeof known] as Emitter<Op> | undefined;
    if (!emit) throw new GraphError(`${node.op} must be lowered before it is written`);
    writer.add(emit(node, node.inputs.map(nameOf), writer), name);
    return name;
  }
  function nameOf(node: Tensor): string {
    const name = names.get(node);
    if (name === undefined) throw new GraphError(`${node.op} is written after its use`);
    return name;
  }

  for (const [name, node] of Object.entries(graph.outputs)) {
    if (nameOf(node) !== name) writer.add({ type: "Identity", inputs: [nameOf(node)] }, name);
  }
  return writer.finish(graph);
}

// --- internal ---

/** One ONNX node but for its name. */
interface NodeSpec {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly attributes?: readonly onnxProto.onnx.IAttributeProto[];
  /** Results beside the first, which nobody reads. Default 0. */
  readonly unread?: number;
  /** The operator set that has it. Default {@link OPSET_VERSION}. */
  readonly since?: OperatorSet;
}

interface Writer {
  /** Adds a node with one result of this name; a new name when none is given. Returns the name. */
  add(spec: NodeSpec, name?: string): string;
  /** The name of a one-dimensional int64 constant. */
  int64s(values: readonly number[]): string;
  /** The name of a constant [lanes, rows] with the numbers of the rows. */
  positions(lanes: number, rows: number): string;
  /** The name of a uint32 scalar. */
  uint32(value: number): string;
  /** The name of a float32 scalar. */
  float(value: number): string;
  finish(graph: Graph): Uint8Array;
}

type Emitter<K extends Op> = (node: Tensor<K>, inputs: readonly string[], writer: Writer) => NodeSpec;

const { AttributeType } = onnx.AttributeProto;
const { DataType } = onnx.TensorProto;
/** bfloat16 goes by its bits: JavaScript's ONNX Runtime has no name for it. */
const DATA_TYPES: Readonly<Record<DType, number>> = {
  float32: DataType.FLOAT,
  float16: DataType.FLOAT16,
  bfloat16: DataType.UINT16,
  int32: DataType.INT32,
  uint8: DataType.UINT8,
  bool: DataType.BOOL,
};

const direct =
  (type: string): Emitter<Op> =>
  (_, inputs) => ({ type, inputs });

const along =
  (type: string): Emitter<Op> =>
  (_, inputs) => ({ type, inputs, attributes: [int("axis", -1)] });

/** Min or Max, or Clip where an operand is a constant scalar: ONNX Runtime's kernel for it is much the faster one. */
const extreme =
  (type: string, clipped: (x: string, bound: string) => string[]): Emitter<"min" | "max"> =>
  ({ inputs: operands, shape }, inputs) => {
    const bound = operands.findIndex((operand) => operand.op === "constant" && operand.shape.length === 0);
    const [a = "", b = ""] = bound === 0 ? inputs.toReversed() : inputs;
    return bound >= 0 && shape.length > 0 ? { type: "Clip", inputs: clipped(a, b) } : { type, inputs };
  };

const reduction =
  (type: string): Emitter<"sum" | "mean"> =>
  ({ attributes: { axes, keepAxes } }, inputs, writer) => ({
    type,
    inputs: [...inputs, writer.int64s(axes)],
    attributes: [int("keepdims", keepAxes ? 1 : 0), int("noop_with_empty_axes", 1)],
  });

/** How each operation is written. Total: an operation without an entry does not compile. */
const emitters: { readonly [K in Exclude<PrimitiveOp, "input">]: Emitter<K> } = {
  constant: ({ attributes: { value } }) => ({
    type: "Constant",
    inputs: [],
    attributes: [{ name: "value", type: AttributeType.TENSOR, t: tensorProto(value) }],
  }),

  neg: direct("Neg"),
  exp: direct("Exp"),
  log: direct("Log"),
  sqrt: direct("Sqrt"),
  sigmoid: direct("Sigmoid"),
  tanh: direct("Tanh"),
  elu: direct("Elu"),
  cast: ({ attributes: { to }, inputs: [x] }, inputs, writer) => ({
    type: "Cast",
    inputs: x?.dtype === "bfloat16" ? [floatsOfUpperHalves(inputs, writer)] : inputs,
    attributes: [int("to", DATA_TYPES[to])],
  }),

  add: direct("Add"),
  sub: direct("Sub"),
  // ONNX Runtime knows RMSNorm, which it has one kernel for, by the power of two.
  mul: ({ inputs: [a, b] }, inputs, writer) =>
    a === b ? { type: "Pow", inputs: [...inputs.slice(1), writer.float(2)] } : { type: "Mul", inputs },
  div: direct("Div"),
  min: extreme("Min", (x, bound) => [x, "", bound]),
  max: extreme("Max", (x, bound) => [x, bound]),
  equal: direct("Equal"),
  less: direct("Less"),
  where: direct("Where"),

  sum: reduction("ReduceSum"),
  mean: reduction("ReduceMean"),
  cumulativeSum: ({ attributes: { axis, exclusive, reverse } }, inputs, writer) => ({
    type: "CumSum",
    inputs: [...inputs, writer.int64s([axis])],
    attributes: [int("exclusive", exclusive ? 1 : 0), int("reverse", reverse ? 1 : 0)],
  }),

  softmax: along("Softmax"),
  logSoftmax: along("LogSoftmax"),
  kthLargest: ({ attributes: { k }, inputs: [x] }, inputs, writer) => {
    const last = (x?.shape.length ?? 1) - 1;
    const largest = writer.add({ type: "TopK", inputs: [...inputs, writer.int64s([k])], unread: 1 });
    return { type: "Slice", inputs: [largest, writer.int64s([k - 1]), writer.int64s([k]), writer.int64s([last])] };
  },

  // The operator takes [batch, heads, T, d] and tables [batch, T, d/2], or one table [T, d/2] and positions [batch, T] in it. It goes
  // from head to head inside a position, so that a lane for each head has it go through memory in order.
  rotate: ({ shape, inputs: [, ...operands] }, [x = "", ...tables], writer) => {
    const [rows, size] = shape.slice(-2) as [number, number];
    const shared = operands.every((table) => table.shape.at(-2) === rows && sizeOf(table.shape) === (rows * size) / 2);
    const reshaped = (name: string, dims: readonly number[]): string =>
      writer.add({ type: "Reshape", inputs: [name, writer.int64s(dims)] });
    const spread = (name: string): string =>
      shared ? name : writer.add({ type: "Expand", inputs: [name, writer.int64s([...shape.slice(0, -1), size / 2])] });
    const angles = tables.map((name) => reshaped(spread(name), [...(shared ? [] : [-1]), rows, size / 2]));
    const lanes = sizeOf(shape.slice(0, -2));
    const inputs = [reshaped(x, [lanes, 1, rows, size]), ...angles, ...(shared ? [writer.positions(lanes, rows)] : [])];
    return { type: "Reshape", inputs: [writer.add({ type: "RotaryEmbedding", inputs }), writer.int64s(shape)] };
  },

  matmul: direct("MatMul"),

  transpose: ({ attributes: { permutation } }, inputs) => ({
    type: "Transpose",
    inputs,
    attributes: [{ name: "perm", type: AttributeType.INTS, ints: [...permutation] }],
  }),
  reshape: ({ attributes: { shape } }, inputs, writer) => ({
    type: "Reshape",
    inputs: [...inputs, writer.int64s(shape)],
  }),
  broadcastTo: ({ attributes: { shape } }, inputs, writer) => ({
    type: "Expand",
    inputs: [...inputs, writer.int64s(shape)],
  }),
  concat: ({ attributes: { axis } }, inputs) => ({ type: "Concat", inputs, attributes: [int("axis", axis)] }),
  slice: ({ attributes: { axis, start, end } }, inputs, writer) => ({
    type: "Slice",
    inputs: [...inputs, writer.int64s([start]), writer.int64s([end]), writer.int64s([axis])],
  }),
  // All axes are given: with the optional list of axes, ONNX Runtime's transpose optimizer misreads the pads.
  pad: ({ attributes: { axis, before, after }, shape }, inputs, writer) => {
    const none = shape.map(() => 0);
    return { type: "Pad", inputs: [...inputs, writer.int64s([...none.with(axis, before), ...none.with(axis, after)])] };
  },

  gather: direct("Gather"),
  scatterAdd: ({ inputs: operands, shape }, inputs, writer) => {
    const [updates = "", indices = ""] = inputs;
    const toInt64 = [int("to", DataType.INT64)];
    const indexShape = writer.int64s([...(operands[1]?.shape ?? []), 1]);
    // Reshaped while they are narrow: WebGPU has no kernel that reshapes int64.
    const narrow = writer.add({ type: "Reshape", inputs: [indices, indexShape] });
    const columns = writer.add({ type: "Cast", inputs: [narrow], attributes: toInt64 });
    const table = writer.add({ type: "ConstantOfShape", inputs: [writer.int64s(shape)] });
    const additive = { name: "reduction", type: AttributeType.STRING, s: new TextEncoder().encode("add") };
    return { type: "ScatterND", inputs: [table, columns, updates], attributes: [additive] };
  },
};

/** The float32 numbers whose upper halves are given. */
function floatsOfUpperHalves(inputs: readonly string[], writer: Writer): string {
  const wide = writer.add({ type: "Cast", inputs, attributes: [int("to", DataType.UINT32)] });
  const left = { name: "direction", type: AttributeType.STRING, s: new TextEncoder().encode("LEFT") };
  const bits = writer.add({ type: "BitShift", inputs: [wide, writer.uint32(16)], attributes: [left] });
  return writer.add({ type: "BitCast", inputs: [bits], attributes: [int("to", DataType.FLOAT)], since: BIT_CAST });
}

/** What is written otherwise for WebGPU. */
const webgpuEmitters: Pick<typeof emitters, "elu" | "logSoftmax"> = {
  // max(x, 0) + exp(min(x, 0)) - 1
  elu: (_, [x = ""], writer) => {
    const below = writer.add({ type: "Clip", inputs: [x, "", writer.float(0)] });
    const grown = writer.add({ type: "Exp", inputs: [below] });
    const lowered = writer.add({ type: "Sub", inputs: [grown, writer.float(1)] });
    return { type: "Add", inputs: [writer.add({ type: "Relu", inputs: [x] }), lowered] };
  },
  // x - max(x) - log(sum(exp(x - max(x))))
  logSoftmax: (_, [x = ""], writer) => {
    const axes = writer.int64s([-1]);
    const largest = writer.add({ type: "ReduceMax", inputs: [x, axes] });
    const shifted = writer.add({ type: "Sub", inputs: [x, largest] });
    const powers = writer.add({ type: "Exp", inputs: [shifted] });
    const total = writer.add({ type: "ReduceSum", inputs: [powers, axes] });
    return { type: "Sub", inputs: [shifted, writer.add({ type: "Log", inputs: [total] })] };
  },
};

function createWriter(): Writer {
  const nodes: onnxProto.onnx.INodeProto[] = [];
  const initializers = new Map<string, onnxProto.onnx.ITensorProto>();
  let needed = USUAL;
  const whole = (name: string, values: readonly number[], dims: number[]): string => {
    const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    initializers.set(name, { name, dataType: DataType.INT64, dims, rawData });
    return name;
  };
  return {
    add({ type, inputs, attributes = [], unread = 0, since = USUAL }, name = `#helper${nodes.length}`) {
      if (since.opset > needed.opset) needed = since;
      const output = [name, ...Array.from({ length: unread }, (_, i) => `${name}#${i}`)];
      nodes.push({ opType: type, name, input: [...inputs], output, attribute: [...attributes] });
      return name;
    },
    int64s: (values) => whole(`#int64:${values.join()}`, values, [values.length]),
    positions: (lanes, rows) =>
      whole(
        `#positions:${lanes},${rows}`,
        Array.from({ length: lanes * rows }, (_, i) => i % rows),
        [lanes, rows],
      ),
    uint32(value) {
      const name = `#uint32:${value}`;
      initializers.set(name, { name, dataType: DataType.UINT32, dims: [], uint64Data: [value] });
      return name;
    },
    float(value) {
      const name = `#float:${value}`;
      initializers.set(name, { name, dataType: DataType.FLOAT, dims: [], floatData: [value] });
      return name;
    },
    finish({ inputs, outputs }) {
      const graph = {
        name: "infini-transformer",
        node: nodes,
        initializer: [...initializers.values()],
        input: Object.entries(inputs).map(([name, node]) => valueInfo(name, node)),
        output: Object.entries(outputs).map(([name, node]) => valueInfo(name, node)),
      };
      const opsetImport = [{ domain: "", version: needed.opset }];
      const model = { irVersion: needed.ir, producerName: "infini-transformer", opsetImport, graph };
      return onnx.ModelProto.encode(model).finish();
    },
  };
}

/** The first output name of each tensor that its own node can carry: inputs already have a name. */
function firstNames(graph: Graph): ReadonlyMap<Tensor, string> {
  const names = new Map<Tensor, string>();
  for (const [name, node] of Object.entries(graph.outputs)) {
    if (node.op !== "input" && !names.has(node)) names.set(node, name);
  }
  return names;
}

function valueInfo(name: string, { shape, dtype }: Tensor): onnxProto.onnx.IValueInfoProto {
  const dim = shape.map((dimValue) => ({ dimValue }));
  return { name, type: { tensorType: { elemType: DATA_TYPES[dtype], shape: { dim } } } };
}

function tensorProto({ shape, dtype, data }: HostTensor): onnxProto.onnx.ITensorProto {
  const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { dims: [...shape], dataType: DATA_TYPES[dtype], rawData };
}

function int(name: string, i: number): onnxProto.onnx.IAttributeProto {
  return { name, type: AttributeType.INT, i };
}
