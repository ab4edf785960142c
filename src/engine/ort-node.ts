import { availableParallelism } from "node:os";
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-common";
import { optimize, type Graph } from "../graph/graph.ts";
import type { HostTensor } from "../graph/host-tensor.ts";
import type { Flat } from "../graph/tree.ts";
import { checkFeeds, DeviceError, type Engine, type Program } from "./engine.ts";
import { writeOnnx } from "./onnx-writer.ts";

/** The devices that ONNX Runtime serves in Node. */
export const NODE_DEVICES = ["cpu", "webgpu", "cuda"] as const;
export type NodeDevice = (typeof NODE_DEVICES)[number];

export interface NodeEngineOptions {
  /** Default `cpu`. */
  readonly device?: NodeDevice;
  /** Threads of the CPU kernels. Default: all that the machine has. */
  readonly threads?: number;
}

/**
 * An engine on ONNX Runtime in Node.
 *
 * @throws {DeviceError} when onnxruntime-node is not installed or lacks the device.
 */
export async function createNodeEngine(options: NodeEngineOptions = {}): Promise<Engine> {
  const { device = "cpu", threads = availableParallelism() } = options;
  const ort = await loadRuntime();
  const available = ort.listSupportedBackends().map(({ name }) => name);
  if (!available.includes(device)) {
    throw new DeviceError(`device "${device}" is not available here; available: ${available.join(", ")}`);
  }
  const sessionOptions: InferenceSession.SessionOptions = {
    executionProviders: [device],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
    extra: { session: { set_denormal_as_zero: "1" } },
  };
  return {
    device,
    async compile(graph) {
      const lowered = optimize(graph);
      const session = await createSession(ort, writeOnnx(lowered), sessionOptions, device);
      return createProgram(ort, lowered, session);
    },
  };
}

// --- internal ---

type Runtime = typeof import("onnxruntime-node");

async function loadRuntime(): Promise<Runtime> {
  try {
    const module = await import("onnxruntime-node");
    return "default" in module ? (module.default as Runtime) : module;
  } catch (cause) {
    throw new DeviceError("onnxruntime-node could not be loaded; is it installed?", { cause });
  }
}

async function createSession(
  ort: Runtime,
  model: Uint8Array,
  options: InferenceSession.SessionOptions,
  device: NodeDevice,
): Promise<InferenceSession> {
  try {
    return await ort.InferenceSession.create(model, options);
  } catch (cause) {
    if (device === "cpu") throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DeviceError(`device "${device}" does not work here: ${reason}`, { cause });
  }
}

function createProgram(ort: Runtime, graph: Graph, session: InferenceSession): Program {
  // Wrapped once: weights and states come again and again, and what is thrown away at every run adds up.
  const wrapped = new WeakMap<HostTensor, OrtTensor>();
  const wrap = (value: HostTensor): OrtTensor => {
    const tensor = wrapped.get(value) ?? new ort.Tensor(value.dtype, value.data, value.shape);
    wrapped.set(value, tensor);
    return tensor;
  };
  return {
    async run(feeds, into = {}) {
      checkFeeds(graph, feeds);
      const inputs = mapEntries(graph.inputs, (name) => wrap(feeds[name] as HostTensor));
      const fetches = mapEntries(graph.outputs, (name) => {
        const target = into[name];
        return target ? wrap(target) : null;
      });
      const results = await session.run(inputs, fetches);
      // ONNX Runtime does not write an output that is the input of the same name.
      for (const name of Object.keys(graph.outputs)) {
        if (graph.inputs[name]) into[name]?.data.set((feeds[name] as HostTensor).data);
      }
      return mapEntries(graph.outputs, (name) => into[name] ?? unwrap(results[name]));
    },
    dispose: () => session.release(),
  };
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
