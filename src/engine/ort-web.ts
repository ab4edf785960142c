import type { Env, InferenceSession } from "onnxruntime-common";
import { optimize } from "../graph/optimize.ts";
import { DeviceError, type Engine, type Program } from "./engine.ts";
import { writeOnnx } from "./onnx-writer.ts";
import { createProgram } from "./ort-program.ts";

/** The devices that ONNX Runtime serves in a browser. */
export const WEB_DEVICES = ["wasm", "webgpu"] as const;
export type WebDevice = (typeof WEB_DEVICES)[number];

export interface WebEngineOptions {
  /** Default `wasm`. */
  readonly device?: WebDevice;
  /**
   * Threads of the `wasm` kernels. More than one needs a page that is cross-origin isolated, and the first engine of a
   * page or worker settles it for all that follow. Default: the cores of the machine, 4 at most; one without isolation.
   */
  readonly threads?: number;
  /**
   * Where the WebAssembly files of onnxruntime-web are: the URL of its folder `dist`, with a slash at the end, or those
   * of the two files for the device. Default: beside the script, where most bundlers put them.
   */
  readonly assets?: Env.WasmPrefixOrFilePaths;
}

/**
 * An engine on ONNX Runtime in a browser, in a page or a worker.
 *
 * @throws {DeviceError} when onnxruntime-web is not installed, or the browser lacks the device.
 */
export async function createWebEngine(options: WebEngineOptions = {}): Promise<Engine> {
  const { device = "wasm", threads = defaultThreads(), assets } = options;
  await checkDevice(device);
  const ort = await loadRuntime(device);
  ort.env.wasm.numThreads = threads;
  if (assets !== undefined) ort.env.wasm.wasmPaths = assets;
  const sessionOptions: InferenceSession.SessionOptions = {
    executionProviders: [device],
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
  };
  return {
    device,
    async compile(graph) {
      const lowered = optimize(graph);
      const session = await inTurn(() => createSession(ort, writeOnnx(lowered), sessionOptions, device));
      return oneAtATime(createProgram(ort, lowered, session, { writesOutputs: false }));
    },
  };
}

// --- internal ---

type Runtime = typeof import("onnxruntime-web/wasm");

const MOST_THREADS = 4;

/** What is used of a browser's global scope. */
interface BrowserScope {
  readonly crossOriginIsolated?: boolean;
  readonly navigator?: {
    readonly hardwareConcurrency?: number;
    readonly gpu?: { requestAdapter(): Promise<object | null> };
  };
}

const { crossOriginIsolated, navigator } = globalThis as BrowserScope;

function defaultThreads(): number {
  return crossOriginIsolated ? Math.min(MOST_THREADS, navigator?.hardwareConcurrency ?? 1) : 1;
}

async function checkDevice(device: WebDevice): Promise<void> {
  if (!WEB_DEVICES.includes(device))
    throw new DeviceError(`device "${device}" is not available here; available: ${WEB_DEVICES.join(", ")}`);
  if (device !== "webgpu") return;
  if (!navigator?.gpu) throw new DeviceError('device "webgpu" is not available: this browser has no WebGPU');
  if (!(await navigator.gpu.requestAdapter()))
    throw new DeviceError('device "webgpu" is not available: the browser gives no graphics adapter');
}

async function loadRuntime(device: WebDevice): Promise<Runtime> {
  try {
    return device === "wasm" ? await import("onnxruntime-web/wasm") : await import("onnxruntime-web/webgpu");
  } catch (cause) {
    throw new DeviceError("onnxruntime-web could not be loaded; is it installed?", { cause });
  }
}

async function createSession(
  ort: Runtime,
  model: Uint8Array,
  options: InferenceSession.SessionOptions,
  device: WebDevice,
): Promise<InferenceSession> {
  try {
    return await ort.InferenceSession.create(model, options);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DeviceError(`device "${device}" does not work here: ${reason}`, { cause });
  }
}

/** onnxruntime-web has one instance for all sessions of a page or worker, and a run on WebGPU waits in the middle. */
const inTurn = createQueue();

function oneAtATime(program: Program): Program {
  return {
    run: (feeds, into) => inTurn(() => program.run(feeds, into)),
    dispose: () => inTurn(() => program.dispose()),
  };
}

function createQueue(): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const result = last.then(task);
    last = result.catch(() => undefined);
    return result;
  };
}
