import { InfiniError } from "../base/errors.ts";
import { sameShape } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import type { Target } from "../graph/target.ts";
import type { DType, HostTensor, Shape } from "../tensor/host-tensor.ts";
import type { Flat } from "../tensor/tree.ts";

/** Something that computes graphs. */
export interface Engine {
  /** Where it computes, as in `cpu` or `webgpu`. */
  readonly device: string;
  /** What it computes, and the types of tensors that it takes and returns. */
  readonly target: Target;
  /** Prepares a graph to be run many times. */
  compile(graph: Graph, options?: CompileOptions): Promise<Program>;
  /**
   * Prepares a graph some of whose outputs, by name, stay on the device. Absent where device and host share memory, and
   * where the runtime cannot do it; use it through store.ts.
   */
  readonly compileResident?: CompileResident;
}

export interface CompileOptions {
  /**
   * Returns the working memory of a run when it ends, for programs that need very much of it; small ones run faster in
   * memory that is kept. Engines that cannot do this ignore it. Default false.
   */
  readonly sparing?: boolean;
}

export type CompileResident = (graph: Graph, resident: ReadonlySet<string>) => Promise<ResidentProgram>;

/** A graph ready to run. */
export interface Program {
  /**
   * Computes the outputs from a value for every input.
   *
   * @param into Tensors to write outputs to in place of new ones, by name. They must not overlap the feeds.
   * @throws {FeedError} when an input is missing or has another type or shape.
   */
  run(feeds: Flat<HostTensor>, into?: Flat<HostTensor>): Promise<Flat<HostTensor>>;
  /** Frees memory that the program holds outside the JavaScript heap. */
  dispose(): Promise<void>;
}

/** A tensor in the memory of a device, for programs of the engine that it comes from. */
export interface DeviceTensor {
  readonly dtype: HostTensor["dtype"];
  readonly shape: Shape;
  /** Frees it. No garbage collector does. */
  release(): void;
}

/** A graph ready to run, some of whose outputs stay on the device. */
export interface ResidentProgram {
  /**
   * Computes the outputs from a value for every input, wherever it is.
   *
   * @throws {FeedError} when an input is missing or has another type or shape.
   */
  run(feeds: Flat<HostTensor | DeviceTensor>): Promise<ResidentResults>;
  dispose(): Promise<void>;
}

export interface ResidentResults {
  readonly onHost: Flat<HostTensor>;
  /** Those that stay on the device; whoever receives them releases them. */
  readonly onDevice: Flat<DeviceTensor>;
}

export function isOnDevice(tensor: HostTensor | DeviceTensor): tensor is DeviceTensor {
  return !("data" in tensor);
}

/** A value fed to a program that does not fit its input. The message names the input. */
export class FeedError extends InfiniError {
  override name = "FeedError";
  readonly code = "ERR_FEED";
}

/** A device that is missing from this machine or this build. */
export class DeviceError extends InfiniError {
  override name = "DeviceError";
  readonly code = "ERR_DEVICE";
}

/** The error of a device that exists but does not work. */
export function deviceFailure(device: string, cause: unknown): DeviceError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DeviceError(`device "${device}" does not work here: ${reason}`, { cause });
}

/** Throws {@link FeedError} unless there is a fitting value for every input of the graph. */
export function checkFeeds(graph: Graph, feeds: Flat<{ readonly dtype: DType; readonly shape: Shape }>): void {
  for (const [name, { shape, dtype }] of Object.entries(graph.inputs)) {
    const value = feeds[name];
    if (!value) throw new FeedError(`input "${name}" is missing`);
    if (value.dtype !== dtype || !sameShape(value.shape, shape)) {
      const [wanted, got] = [`${dtype}[${shape.join(", ")}]`, `${value.dtype}[${value.shape.join(", ")}]`];
      throw new FeedError(`input "${name}" must be ${wanted}, got ${got}`);
    }
  }
}

/** Throws {@link FeedError} for an input of a type that the target does not take. */
export function checkTypes(graph: Graph, { id, dtypes }: Target): void {
  for (const [name, { dtype }] of Object.entries(graph.inputs)) {
    if (!dtypes.has(dtype))
      throw new FeedError(`input "${name}" is ${dtype}, which ${id} does not take; it takes ${[...dtypes].join(", ")}`);
  }
}

/** Throws TypeError unless the tensors given for outputs of the graph fit them. */
export function checkTargets(graph: Graph, into: Flat<HostTensor>): void {
  for (const [name, { shape, dtype }] of Object.entries(graph.outputs)) {
    const target = into[name];
    if (target && (target.dtype !== dtype || !sameShape(target.shape, shape)))
      throw new TypeError(`output "${name}" is ${dtype}[${shape.join(", ")}] and does not fit the tensor given for it`);
  }
}
