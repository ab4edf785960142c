import type { InferenceSession, TensorConstructor, Tensor as OrtTensor } from "onnxruntime-common";
import { sameShape } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import type { HostTensor } from "../graph/host-tensor.ts";
import type { Flat } from "../graph/tree.ts";
import { discard } from "./discard.ts";
import { checkFeeds, type Program } from "./engine.ts";

/** The part of a build of ONNX Runtime that a program needs: onnxruntime-node and onnxruntime-web both have it. */
export interface Runtime {
  readonly Tensor: TensorConstructor;
}

export interface ProgramOptions {
  /** Whether a run writes to the tensors it is given for outputs. Where it does not, results are copied to them. */
  readonly writesOutputs: boolean;
}

/** A program of an ONNX Runtime session for the same graph. */
export function createProgram(
  runtime: Runtime,
  graph: Graph,
  session: InferenceSession,
  { writesOutputs }: ProgramOptions,
): Program {
  // Wrapped once: weights and states come again and again, and what is thrown away at every run adds up.
  const wrapped = new WeakMap<HostTensor, OrtTensor>();
  const wrap = (value: HostTensor): OrtTensor => {
    const tensor = wrapped.get(value) ?? new runtime.Tensor(value.dtype, value.data, value.shape);
    wrapped.set(value, tensor);
    return tensor;
  };
  return {
    async run(feeds, into = {}) {
      checkFeeds(graph, feeds);
      const inputs = mapEntries(graph.inputs, (name) => wrap(feeds[name] as HostTensor));
      const fetches = mapEntries(graph.outputs, (name) => {
        const target = into[name];
        return target && writesOutputs ? wrap(target) : null;
      });
      if (!writesOutputs) checkTargets(graph, into);
      const results = await session.run(inputs, fetches);
      if (writesOutputs) discard(copiesOf(results, into));
      return mapEntries(graph.outputs, (name) => {
        const target = into[name];
        if (!target) return unwrap(results[name]);
        // ONNX Runtime does not write an output that is the input of the same name.
        if (graph.inputs[name]) target.data.set((feeds[name] as HostTensor).data);
        else if (!writesOutputs) target.data.set(unwrap(results[name]).data);
        return target;
      });
    },
    dispose: () => session.release(),
  };
}

// --- internal ---

/** What came back for the outputs that have been written where they were told to. */
function copiesOf(results: InferenceSession.ReturnType, into: Flat<HostTensor>): ArrayBufferLike[] {
  return Object.entries(into).flatMap(([name, { data }]) => {
    const copy = results[name]?.data;
    return ArrayBuffer.isView(copy) && copy.buffer !== data.buffer ? [copy.buffer] : [];
  });
}

function checkTargets(graph: Graph, into: Flat<HostTensor>): void {
  for (const [name, { shape, dtype }] of Object.entries(graph.outputs)) {
    const target = into[name];
    if (target && (target.dtype !== dtype || !sameShape(target.shape, shape)))
      throw new TypeError(`output "${name}" is ${dtype}[${shape.join(", ")}] and does not fit the tensor given for it`);
  }
}

function unwrap(tensor: OrtTensor | undefined): HostTensor {
  if (tensor?.type === "float32") {
    return { dtype: "float32", shape: tensor.dims, data: tensor.data as Float32Array };
  }
  if (tensor?.type === "int32") return { dtype: "int32", shape: tensor.dims, data: tensor.data as Int32Array };
  throw new TypeError(`an output of type ${tensor?.type ?? "nothing"} cannot leave the graph`);
}

function mapEntries<T>(record: Flat<unknown>, value: (name: string) => T): Record<string, T> {
  return Object.fromEntries(Object.keys(record).map((name) => [name, value(name)]));
}
