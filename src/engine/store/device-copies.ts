import { input } from "../../graph/builder.ts";
import { createGraph } from "../../graph/graph.ts";
import type { HostTensor } from "../../tensor/host-tensor.ts";
import { replacePrefix, type Flat } from "../../tensor/tree.ts";
import type { CompileResident, DeviceTensor, ResidentProgram, ResidentResults } from "../engine.ts";
import { createProgramCache } from "../program-cache.ts";

/** Copies tensors between the host and a device. */
export interface DeviceCopies {
  toDevice(values: Flat<HostTensor>): Promise<Flat<DeviceTensor>>;
  toHost(values: Flat<DeviceTensor>): Promise<Flat<HostTensor>>;
  dispose(): Promise<void>;
}

/**
 * Copies through programs that do nothing else, one for each set of names: ONNX Runtime in Node offers no other way.
 */
export function createCopies(compileResident: CompileResident): DeviceCopies {
  const programs = createProgramCache<ResidentProgram>("the store");
  const copy = async (to: Destination, values: Flat<HostTensor | DeviceTensor>): Promise<ResidentResults> => {
    const names = Object.keys(values);
    if (names.length === 0) return { onHost: {}, onDevice: {} };
    const program = await programs.get([to, ...names].join(), () => compileCopy(compileResident, to, values));
    return program.run(values);
  };
  return {
    toDevice: async (values) => replacePrefix((await copy("device", values)).onDevice, PREFIX, ""),
    toHost: async (values) => replacePrefix((await copy("host", values)).onHost, PREFIX, ""),
    dispose: () => programs.dispose(),
  };
}

// --- internal ---

type Destination = "device" | "host";

const PREFIX = "copy.";

function compileCopy(
  compileResident: CompileResident,
  to: Destination,
  values: Flat<HostTensor | DeviceTensor>,
): Promise<ResidentProgram> {
  const outputs = Object.entries(values).map(
    ([name, { shape, dtype }]) => [PREFIX + name, input(name, shape, dtype)] as const,
  );
  const graph = createGraph(Object.fromEntries(outputs));
  return compileResident(graph, new Set(to === "device" ? Object.keys(graph.outputs) : []));
}
