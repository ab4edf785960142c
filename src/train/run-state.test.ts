import { describe, expect, it } from "vitest";
import { zeros, type HostTensor } from "../tensor/host-tensor.ts";
import { encodeWeights } from "../model/checkpoint.ts";
import { encodeSafetensors, decodeSafetensors, SafetensorsError } from "../tensor/safetensors.ts";
import type { RunConfig } from "./config.ts";
import { normals, tinyRun } from "./fixtures.ts";
import { decodeRunState, encodeRunState, ResumeError } from "./run-state.ts";
import { startOfRun } from "./run.ts";
import type { TrainingState } from "./stepper.ts";

const config = tinyRun();
const state = randomState(config);
const bytes = encodeRunState(state, 17, config);

describe("a run state", () => {
  it("comes back as it was, whatever the values in it", () => {
    const odd = {
      ...state,
      "params.finalNorm": { ...zeros([8]), data: Float32Array.of(0, -0, 1e-45, -1e38, Infinity, NaN, 0.1, 1) },
    };
    const restored = decode(encodeRunState(odd, 123_456, config));
    expect(restored.state).toEqual(odd);
    expect(Object.keys(restored.state)).toEqual(Object.keys(odd));
    expect(restored.step).toBe(123_456);
  });

  it("fits a config that saves at other steps, and no other", () => {
    expect(decodeRunState(bytes, state, tinyRun({ checkpointEvery: 3 }), "c").step).toBe(17);
  });

  it.each<[string, RunConfig]>([
    ["more steps", tinyRun({ steps: 7 })],
    ["another seed", tinyRun({ seed: 1 })],
    ["another mode", tinyRun({ mode: "rematerialized" })],
    ["another setting of the optimizer", tinyRun({ optimizer: { kind: "adamw", beta1: 0.8 } })],
    ["another model of the same shapes", tinyRun({}, { memory: { gateInit: 1 } })],
    ["another curriculum", tinyRun({ curriculum: [{ until: 2, batch: 1, length: 4 }] })],
    ["another mixture", tinyRun({ mixture: [{ task: "text", share: 2 }] })],
  ])("is refused by a config with %s", (_, other) => {
    const read = (): unknown => decodeRunState(bytes, startOfRun(other).state, other, "run/checkpoint.safetensors");
    expect(read).toThrow(ResumeError);
    expect(read).toThrow("run/checkpoint.safetensors: was made with another config; give the one it was started with");
  });

  it("is refused when it is cut off anywhere", () => {
    const cuts = [0, 1, 7, 8, 100, bytes.length >> 1, bytes.length - 4, bytes.length - 1];
    for (const length of cuts) {
      expect(() => decode(bytes.subarray(0, length)), `${length} bytes`).toThrow(SafetensorsError);
      expect(() => decode(bytes.subarray(0, length)), `${length} bytes`).toThrow(
        /^run\/checkpoint\.safetensors: .*cut off/,
      );
    }
  });

  it("is refused when a tensor is missing, has another shape, or is too much", () => {
    const { "params.finalNorm": norm, ...rest } = state;
    expect(norm?.shape).toEqual([8]);
    expectRefusal(rest, 'lacks "params.finalNorm"');
    expectRefusal({ ...state, "params.finalNorm": zeros([4]) }, '"params.finalNorm" must have shape [8], has [4]');
    expectRefusal(
      { ...state, "optimizer.embedding.m": zeros([8, 16]) },
      '"optimizer.embedding.m" must have shape [16, 8], has [8, 16]',
    );
    expectRefusal({ ...state, "params.head": zeros([8, 16]) }, '"params.head" is no part of this config');
  });

  it.each<[string, Record<string, string>]>([
    ["no step", {}],
    ["half a step", { step: "1.5" }],
    ["a step before the first", { step: "-1" }],
    ["a step in words", { step: "five" }],
  ])("is refused when it has %s", (_, step) => {
    const { metadata, tensors } = decodeSafetensors(bytes, "f");
    const { step: removed, ...rest } = metadata;
    expect(removed).toBe("17");
    const read = (): unknown => decode(encodeSafetensors(tensors, { ...rest, ...step }));
    expect(read).toThrow(ResumeError);
    expect(read).toThrow("run/checkpoint.safetensors: has no step number");
  });

  it("is refused with memory of the lanes from another version, and taken without", () => {
    const carrying = tinyRun({ carry: 0.5 });
    const carried = { ...startOfRun(carrying).state };
    const older = (of: RunConfig, values: TrainingState): Uint8Array => {
      const { metadata, tensors } = decodeSafetensors(encodeRunState(values, 1, of), "f");
      const { stateFormat, ...rest } = metadata;
      expect(stateFormat).toBe("2");
      return encodeSafetensors(tensors, rest);
    };
    expect(decode(older(config, state)).step).toBe(1);
    const read = (): unknown =>
      decodeRunState(older(carrying, carried), carried, carrying, "run/checkpoint.safetensors");
    expect(read).toThrow(ResumeError);
    expect(read).toThrow("run/checkpoint.safetensors: the memory in it is of another version");
  });

  it("is refused when its matrices are the other way round, as an earlier version wrote them", () => {
    const { metadata, tensors } = decodeSafetensors(bytes, "f");
    const { weightsFormat, ...rest } = metadata;
    expect(weightsFormat).toBe("2");
    const read = (): unknown => decode(encodeSafetensors(tensors, rest));
    expect(read).toThrow(ResumeError);
    expect(read).toThrow("run/checkpoint.safetensors: an earlier version wrote it, with matrices the other way round");
  });

  it("is not the weights alone, nor any other file", () => {
    expect(() => decode(encodeWeights(state))).toThrow(ResumeError);
    expect(() => decode(new TextEncoder().encode("hello, this is a text of some length"))).toThrow(SafetensorsError);
  });
});

// --- internal ---

function decode(file: Uint8Array): { state: TrainingState; step: number } {
  return decodeRunState(file, state, config, "run/checkpoint.safetensors");
}

/** Fails unless a file with these tensors is refused with a message that names it and the problem. */
function expectRefusal(tensors: TrainingState, problem: string): void {
  const read = (): unknown => decode(encodeRunState(tensors, 1, config));
  expect(read).toThrow(SafetensorsError);
  expect(read).toThrow(`run/checkpoint.safetensors: ${problem}`);
}

function randomState(of: RunConfig): Record<string, HostTensor> {
  const entries = Object.entries(startOfRun(of).state);
  return Object.fromEntries(entries.map(([name, { shape }], i) => [name, normals(shape, i)]));
}
