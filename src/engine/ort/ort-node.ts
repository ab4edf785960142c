import { availableParallelism } from "node:os";
import type { InferenceSession } from "onnxruntime-common";
import { input, neg } from "../../graph/builder.ts";
import { createGraph, signatureOf, type Graph } from "../../graph/graph.ts";
import { optimize } from "../../graph/passes/optimize.ts";
import { checkTypes, DeviceError, deviceFailure, type CompileResident, type Engine } from "../engine.ts";
import { writeOnnx } from "./onnx-writer.ts";
import { ORT_TARGETS } from "./targets.ts";
import { createProgram, createResidentProgram, outputLocations } from "./ort-program.ts";

/** The devices that ONNX Runtime serves in Node. */
export const NODE_DEVICES = ["cpu", "webgpu", "cuda"] as const;
export type NodeDevice = (typeof NODE_DEVICES)[number];

export interface NodeEngineOptions {
  /** Default `cpu`. */
  readonly device?: NodeDevice;
  /** Threads of the CPU kernels. Default: all cores of the machine. */
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
    // Threads that keep spinning after a run take a core from the program that runs next.
    extra: { session: { set_denormal_as_zero: "1", force_spinning_stop: "1" } },
  };
  const target = ORT_TARGETS[device];
  const open = async (graph: Graph, own: InferenceSession.SessionOptions = {}): Promise<[Graph, InferenceSession]> => {
    checkTypes(graph, target);
    const lowered = optimize(graph, target);
    const session = await createSession(ort, writeOnnx(lowered, target), { ...sessionOptions, ...own }, device);
    return [signatureOf(lowered), session];
  };
  let anchor: ReturnType<typeof open> | undefined;
  const compileResident: CompileResident = async (graph, resident) => {
    // The device is destroyed with the last session, and freeing anything on it after that crashes the process: keep
    // one session.
    await (anchor ??= open(NOTHING));
    const [signature, session] = await open(graph, { preferredOutputLocation: outputLocations(graph, resident) });
    return createResidentProgram(ort, signature, session, { resident });
  };
  return {
    device,
    target,
    async compile(graph, { sparing = false } = {}) {
      // Planning memory by the shapes of a graph doubles the peak; see docs/log.md.
      const [signature, session] = await open(
        graph,
        sparing ? { enableCpuMemArena: false, enableMemPattern: false } : {},
      );
      return createProgram(ort, signature, session, { writesOutputs: true });
    },
    ...(device === "webgpu" && { compileResident }),
  };
}

// --- internal ---

type Runtime = typeof import("onnxruntime-node");

const NOTHING = createGraph({ y: neg(input("x", [1])) });

async function loadRuntime(): Promise<Runtime> {
  // Otherwise it writes facts about the machine to the home folder and sends them away. It reads this variable when it
  // is loaded.
  process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
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
    throw deviceFailure(device, cause);
  }
}
