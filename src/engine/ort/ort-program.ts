import type { InferenceSession, TensorConstructor, Tensor as OrtTensor } from "onnxruntime-common";
import type { Graph } from "../../graph/graph.ts";
import { tensorOver, type HostDType, type HostTensor } from "../../tensor/host-tensor.ts";
import type { Flat } from "../../tensor/tree.ts";
import type { Queue } from "../../base/queue.ts";
import { discard } from "./discard.ts";
import {
  checkFeeds,
  checkTargets,
  FeedError,
  isOnDevice,
  type DeviceTensor,
  type Program,
  type ResidentProgram,
} from "../engine.ts";

/** The part of a build of ONNX Runtime that a program needs: onnxruntime-node and onnxruntime-web both have it. */
export interface Runtime {
  readonly Tensor: TensorConstructor;
}

export interface ProgramOptions {
  /** Whether a run writes to the tensors it is given for outputs. If not, results are copied to them. */
  readonly writesOutputs: boolean;
}

/** A program of an ONNX Runtime session for the same graph. */
export function createProgram(
  runtime: Runtime,
  graph: Graph,
  session: InferenceSession,
  { writesOutputs }: ProgramOptions,
): Program {
  const [wrap, unwrap] = [createWrap(runtime), createUnwrap(graph)];
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
        if (!target) return unwrap(name, resultOf(results, name));
        // ONNX Runtime does not write an output that is also the input of the same name.
        if (graph.inputs[name]) target.data.set((feeds[name] as HostTensor).data);
        else if (!writesOutputs) target.data.set(unwrap(name, resultOf(results, name)).data);
        return target;
      });
    },
    dispose: () => session.release(),
  };
}

/** Settings for keeping tensors on a device. */
export interface ResidentOptions {
  /** The outputs that the session leaves on the device. */
  readonly resident: ReadonlySet<string>;
  /** Runs one task at a time, for a runtime that cannot do two at once. Default: runs it immediately. */
  readonly inTurn?: Queue;
}

/** A program of an ONNX Runtime session for the same graph that leaves outputs on the device. */
export function createResidentProgram(
  runtime: Runtime,
  graph: Graph,
  session: InferenceSession,
  { resident, inTurn = (task) => task() }: ResidentOptions,
): ResidentProgram {
  const [wrap, unwrap] = [createWrap(runtime), createUnwrap(graph)];
  const feed = (name: string, value: HostTensor | DeviceTensor): OrtTensor => {
    if (!isOnDevice(value)) return wrap(value);
    const tensor = onDevices.get(value);
    if (!tensor) throw new FeedError(`input "${name}" has been released, or belongs to another engine`);
    return tensor;
  };
  // What a session has left on the device lies in memory of the session, which therefore ends with the last of it.
  const left = new Set<DeviceTensor>();
  let disposed = false;
  const endWhenUnused = async (): Promise<void> => {
    if (disposed && left.size === 0) await session.release();
  };
  const keep = (name: string, tensor: OrtTensor): DeviceTensor => {
    const kept: DeviceTensor = {
      dtype: outputType(graph, name),
      shape: tensor.dims,
      release() {
        if (!onDevices.delete(kept)) return;
        inTurn(async () => {
          left.delete(kept);
          tensor.dispose();
          await endWhenUnused();
        }).catch(() => {}); // a lost device no longer holds anything
      },
    };
    left.add(kept);
    onDevices.set(kept, tensor);
    return kept;
  };
  return {
    run: (feeds) =>
      inTurn(async () => {
        checkFeeds(graph, feeds);
        const inputs = mapEntries(graph.inputs, (name) => feed(name, feeds[name] as HostTensor | DeviceTensor));
        const results = await session.run(inputs);
        const [onHost, onDevice]: [Record<string, HostTensor>, Record<string, DeviceTensor>] = [{}, {}];
        for (const [name, tensor] of Object.entries(results)) {
          if (resident.has(name)) onDevice[name] = keep(name, tensor);
          else onHost[name] = unwrap(name, tensor);
        }
        return { onHost, onDevice };
      }),
    dispose: () =>
      inTurn(() => {
        disposed = true;
        return endWhenUnused();
      }),
  };
}

/** Where a session leaves its outputs, in ONNX Runtime's form. */
export function outputLocations(
  graph: Graph,
  resident: ReadonlySet<string>,
): NonNullable<InferenceSession.SessionOptions["preferredOutputLocation"]> {
  return mapEntries(graph.outputs, (name) => (resident.has(name) ? "gpu-buffer" : "cpu"));
}

// --- internal ---

/** Tensors on devices that have not been released. */
const onDevices = new WeakMap<DeviceTensor, OrtTensor>();

/** The names of the types in JavaScript. There is none for bfloat16, which is passed as bits. */
const TYPE_NAMES = {
  float32: "float32",
  float16: "float16",
  bfloat16: "uint16",
  int32: "int32",
  uint8: "uint8",
} as const satisfies Record<HostDType, OrtTensor.Type>;

/** Wraps each tensor once: weights and states recur, and garbage from every run adds up. */
function createWrap({ Tensor }: Runtime): (value: HostTensor) => OrtTensor {
  const wrapped = new WeakMap<HostTensor, OrtTensor>();
  return (value) => {
    const tensor = wrapped.get(value) ?? new Tensor(TYPE_NAMES[value.dtype], value.data, value.shape);
    wrapped.set(value, tensor);
    return tensor;
  };
}

/** The copies returned for outputs that have been written into given tensors. */
function copiesOf(results: InferenceSession.ReturnType, into: Flat<HostTensor>): ArrayBufferLike[] {
  return Object.entries(into).flatMap(([name, { data }]) => {
    const copy = results[name]?.data;
    return ArrayBuffer.isView(copy) && copy.buffer !== data.buffer ? [copy.buffer] : [];
  });
}

/** Results as host tensors over the memory that they arrived in. */
function createUnwrap(graph: Graph): (name: string, tensor: OrtTensor) => HostTensor {
  return (name, { data, dims }) => {
    if (!ArrayBuffer.isView(data)) throw new TypeError(`output "${name}" is not numbers`);
    return tensorOver(outputType(graph, name), dims, data.buffer, data.byteOffset);
  };
}

function outputType({ outputs }: Graph, name: string): HostDType {
  const dtype = outputs[name]?.dtype;
  if (!dtype || dtype === "bool") throw new TypeError(`output "${name}" of type bool cannot leave the graph`);
  return dtype;
}

/** Throws TypeError for an output that is missing. */
function resultOf(results: InferenceSession.ReturnType, name: string): OrtTensor {
  const result = results[name];
  if (!result) throw new TypeError(`output "${name}" is missing`);
  return result;
}

function mapEntries<T>(record: Flat<unknown>, value: (name: string) => T): Record<string, T> {
  return Object.fromEntries(Object.keys(record).map((name) => [name, value(name)]));
}
