import onnxProto from "onnx-proto";
import type { Graph } from "../../graph/graph.ts";
import type { Op } from "../../graph/ops.ts";
import { GraphError, isOp, type Tensor } from "../../graph/tensor.ts";
import { DATA_TYPES, DataType, STANDARD_OPS, type Emitter, type OperatorSet, type Writer } from "./emitters/emitter.ts";
import { STANDARD, type OnnxTarget } from "./targets.ts";

const { onnx } = onnxProto;

/**
 * A graph as the bytes of an ONNX model.
 *
 * @param target What will run it; the graph must have been optimized for it. Default: only the standard operators.
 * @throws {GraphError} for an operation that the target does not compute.
 */
export function writeOnnx(graph: Graph, target: OnnxTarget = STANDARD): Uint8Array {
  const writer = createWriter();
  const names = new Map<Tensor, string>();
  const outputNames = firstNames(graph);
  graph.nodes.forEach((node, i) => names.set(node, writeNode(node, outputNames.get(node) ?? `#${i}`)));

  function writeNode(node: Tensor, name: string): string {
    if (isOp(node, "input")) return node.attributes.name;
    const emit = target.emitters[node.op as keyof typeof target.emitters] as Emitter<Op> | undefined;
    if (!emit) throw new GraphError(`${node.op} must be lowered before it is written for ${target.id}`);
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

interface ModelWriter extends Writer {
  finish(graph: Graph): Uint8Array;
}

function createWriter(): ModelWriter {
  const nodes: onnxProto.onnx.INodeProto[] = [];
  const initializers = new Map<string, onnxProto.onnx.ITensorProto>();
  /** The newest version of each domain that a node needs. */
  const operators = new Map<string, OperatorSet>([["", STANDARD_OPS]]);
  const require = (needed: OperatorSet): void => {
    const known = operators.get(needed.domain);
    if (!known || known.version < needed.version) operators.set(needed.domain, needed);
  };
  const whole = (name: string, values: readonly number[], dims: number[]): string => {
    const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    initializers.set(name, { name, dataType: DataType.INT64, dims, rawData });
    return name;
  };
  return {
    add({ type, inputs, attributes = [], unread = 0, from = STANDARD_OPS }, name = `#helper${nodes.length}`) {
      require(from);
      const output = [name, ...Array.from({ length: unread }, (_, i) => `${name}#${i}`)];
      nodes.push({ opType: type, domain: from.domain, name, input: [...inputs], output, attribute: [...attributes] });
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
      const opsetImport = [...operators.values()].map(({ domain, version }) => ({ domain, version }));
      const irVersion = Math.max(...[...operators.values()].map(({ ir }) => ir));
      return onnx.ModelProto.encode({ irVersion, producerName: "infini-transformer", opsetImport, graph }).finish();
    },
  };
}

/** The first output name of each tensor whose node can carry it: inputs already have a name. */
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
