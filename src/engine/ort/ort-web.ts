import type { InferenceSession } from "onnxruntime-common";
import { input, neg } from "../../graph/builder.ts";
import { createGraph, signatureOf, type Graph } from "../../graph/graph.ts";
import { floatTensor } from "../../tensor/host-tensor.ts";
import { optimize } from "../../graph/passes/optimize.ts";
import { createQueue } from "../../base/queue.ts";
import { checkTypes, DeviceError, deviceFailure, type CompileResident, type Engine, type Program } from "../engine.ts";
import { writeOnnx } from "./onnx-writer.ts";
import { ORT_TARGETS } from "./targets.ts";
import { createProgram, createResidentProgram, outputLocations } from "./ort-program.ts";

/** The devices that ONNX Runtime serves in a browser. */
export const WEB_DEVICES = ["wasm", "webgpu"] as const;
export type WebDevice = (typeof WEB_DEVICES)[number];

/** An engine that tells which of these devices it computes on. */
export interface WebEngine extends Engine {
  readonly device: WebDevice;
  /** Why WebGPU was passed over, when there is a graphics card and no device was requested. */
  readonly passedOver?: DeviceError;
}

/**
 * The two files of onnxruntime-web/dist that a device runs on: `ort-wasm-simd-threaded`, for `webgpu` the one with
 * `asyncify`.
 */
export interface RuntimeFiles {
  readonly mjs: string | URL;
  readonly wasm: string | URL;
}

export interface WebEngineOptions {
  /**
   * Default: `webgpu` where the browser has a hardware graphics adapter that the runtime works with, otherwise `wasm`.
   * A software adapter is far slower than WebAssembly.
   */
  readonly device?: WebDevice;
  /**
   * Threads of the `wasm` kernels. More than one needs a cross-origin isolated page, and the first engine of a page or
   * worker decides for all later ones. Default: the cores of the machine, at most 4; one without isolation.
   */
  readonly threads?: number;
  /**
   * Where the WebAssembly files of onnxruntime-web are: the URL of its folder `dist`, with a slash at the end, or the
   * URLs of the files of each device that may be used. Default: next to the script, where most bundlers put them.
   */
  readonly assets?: string | Readonly<Partial<Record<WebDevice, RuntimeFiles>>>;
}

/**
 * An engine on ONNX Runtime in a browser, in a page or a worker.
 *
 * @throws {DeviceError} when onnxruntime-web is not installed, or the browser lacks the requested device.
 */
export async function createWebEngine({ device, ...options }: WebEngineOptions = {}): Promise<WebEngine> {
  if (device !== undefined) {
    await checkDevice(device);
    return openDevice(device, options);
  }
  const { assets } = options;
  let passedOver: DeviceError | undefined;
  const isThere = assets === undefined || typeof assets === "string" || assets.webgpu !== undefined;
  if (isThere && (await hasGraphics())) {
    try {
      return await openDevice("webgpu", options);
    } catch (cause) {
      if (!(cause instanceof DeviceError)) throw cause;
      passedOver = cause;
    }
  }
  return { ...(await openDevice("wasm", options)), ...(passedOver && { passedOver }) };
}

// --- internal ---

type Runtime = typeof import("onnxruntime-web/wasm");

const MOST_THREADS = 4;

interface GraphicsAdapter {
  /** Whether it is a software adapter; older browsers say so on the adapter, newer ones in its `info`. */
  readonly isFallbackAdapter?: boolean;
  readonly info?: { readonly isFallbackAdapter?: boolean };
}

/** The parts of a browser's global scope used here. */
interface BrowserScope {
  readonly crossOriginIsolated?: boolean;
  readonly navigator?: {
    readonly hardwareConcurrency?: number;
    readonly gpu?: { requestAdapter(): Promise<GraphicsAdapter | null> };
  };
}

const { crossOriginIsolated, navigator } = globalThis as BrowserScope;

function defaultThreads(): number {
  return crossOriginIsolated ? Math.min(MOST_THREADS, navigator?.hardwareConcurrency ?? 1) : 1;
}

/** Whether WebGPU runs on more than the processor. */
async function hasGraphics(): Promise<boolean> {
  const adapter = await graphicsAdapter();
  return adapter !== undefined && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
}

async function graphicsAdapter(): Promise<GraphicsAdapter | undefined> {
  return (await navigator?.gpu?.requestAdapter().catch(() => null)) ?? undefined;
}

async function openDevice(device: WebDevice, options: Omit<WebEngineOptions, "device">): Promise<WebEngine> {
  const { threads = defaultThreads(), assets } = options;
  const ort = await loadRuntime(device);
  ort.env.wasm.numThreads = threads;
  const files = typeof assets === "string" ? assets : assets?.[device];
  if (files !== undefined) ort.env.wasm.wasmPaths = files;
  const sessionOptions: InferenceSession.SessionOptions = {
    executionProviders: [device],
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
  };
  const target = ORT_TARGETS[device];
  const open = async (graph: Graph, own: InferenceSession.SessionOptions = {}): Promise<[Graph, InferenceSession]> => {
    checkTypes(graph, target);
    const lowered = optimize(graph, target);
    const all = { ...sessionOptions, ...own };
    return [signatureOf(lowered), await inTurn(() => createSession(ort, writeOnnx(lowered, target), all, device))];
  };
  const compileResident: CompileResident = async (graph, resident) => {
    const [signature, session] = await open(graph, { preferredOutputLocation: outputLocations(graph, resident) });
    return createResidentProgram(ort, signature, session, { resident, inTurn });
  };
  const engine: WebEngine = {
    device,
    target,
    async compile(graph) {
      const [signature, session] = await open(graph);
      return oneAtATime(createProgram(ort, signature, session, { writesOutputs: false }));
    },
    ...(device === "webgpu" && { compileResident }),
  };
  if (device === "webgpu") await probe(engine);
  return engine;
}

/** Having an adapter does not mean that the runtime can use it. Throws DeviceError where it cannot. */
async function probe(engine: Engine): Promise<void> {
  try {
    const program = await engine.compile(createGraph({ y: neg(input("x", [1])) }));
    const { y } = await program.run({ x: floatTensor([1], Float32Array.of(1)) }).finally(() => program.dispose());
    if (y?.data[0] !== -1) throw new RangeError(`minus 1 is ${y?.data[0]} on it`);
  } catch (cause) {
    throw cause instanceof DeviceError ? cause : deviceFailure(engine.device, cause);
  }
}

async function checkDevice(device: WebDevice): Promise<void> {
  if (!WEB_DEVICES.includes(device))
    throw new DeviceError(`device "${device}" is not available here; available: ${WEB_DEVICES.join(", ")}`);
  if (device !== "webgpu") return;
  if (!navigator?.gpu) throw new DeviceError('device "webgpu" is not available: this browser has no WebGPU');
  if (!(await graphicsAdapter()))
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
    throw deviceFailure(device, cause);
  }
}

/** onnxruntime-web has one instance for all sessions of a page or worker, and a run on WebGPU is suspended midway. */
const inTurn = createQueue();

function oneAtATime(program: Program): Program {
  return {
    run: (feeds, into) => inTurn(() => program.run(feeds, into)),
    dispose: () => inTurn(() => program.dispose()),
  };
}
