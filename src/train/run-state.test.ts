import { describe, expect, it } from "vitest";
import { zeros, type HostTensor } from "../tensor/host-tensor.ts";
import { encodeWeights } from "../model/checkpoint.ts";
import { createModel } from "../model/transformer.ts";
import { encodeSafetensors, decodeSafetensors, SafetensorsError } from "../tensor/safetensors.ts";
import type { RunConfig } from "./config.ts";
import { normals, tinyRun } from "./fixtures.ts";
import { decodeRunState, encodeRunState, ResumeError, type RestoredRun } from "./run-state.ts";
import { startOfRun } from "./run.ts";
import { emptyMemory, type TrainingState } from "./stepper.ts";

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

  it("has not changed for the config that it was written with", () => {
    expect(decode(bytes).changes).toEqual([]);
    const saving = tinyRun({ checkpointEvery: 3 });
    expect(encodeRunState(state, 17, saving)).toEqual(bytes);
    expect(decodeRunState(bytes, state, saving, "c").changes).toEqual([]);
  });

  it.each<[string, RunConfig]>([
    ["training.steps was 6, is 7", tinyRun({ steps: 7 })],
    ["training.seed was 0, is 1", tinyRun({ seed: 1 })],
    ['training.mode was "parallel", is "rematerialized"', tinyRun({ mode: "rematerialized" })],
    ["training.learningRate was 0.003, is 0.001", tinyRun({ learningRate: 0.001 })],
    ["training.optimizer.beta1 was 0.9, is 0.8", tinyRun({ optimizer: { kind: "adamw", beta1: 0.8 } })],
    [
      'training.mixture was [{"task":"text","share":1}], is [{"task":"text","share":2}]',
      tinyRun({ mixture: [{ task: "text", share: 2 }] }),
    ],
  ])("may continue with other settings, and says so: %s", (line, other) => {
    const restored = decodeRunState(bytes, startOfRun(other).state, other, "c");
    expect(restored).toEqual({ state, step: 17, changes: [line] });
  });

  it.each<[string, RunConfig]>([
    ["model.modelDim was 8, is 16", tinyRun({}, { modelDim: 16 })],
    ["model.memory.gateInit was 0, is 1", tinyRun({}, { memory: { gateInit: 1 } })],
    ["model.segmentLength was 4, is 2", tinyRun({}, { segmentLength: 2 })],
    ['model.tokenizer was not given, is "gpt2"', tinyRun({}, { tokenizer: "gpt2" })],
    ['training.optimizer.kind was "adamw", is "adafactor"', tinyRun({ optimizer: { kind: "adafactor" } })],
  ])("is refused where that would be another run: %s", (problem, other) => {
    const read = (): unknown => decodeRunState(bytes, startOfRun(other).state, other, "run/checkpoint.safetensors");
    expect(read).toThrow(ResumeError);
    expect(read).toThrow(`run/checkpoint.safetensors: ${problem}: that is another run`);
  });

  it("of an earlier version is refused with a way to train on", () => {
    const { metadata, tensors } = decodeSafetensors(bytes, "f");
    for (const key of ["run", "weightsFormat"]) {
      const { [key]: removed, ...older } = metadata;
      expect(removed).toBeDefined();
      const read = (): unknown => decode(encodeSafetensors(tensors, older));
      expect(read).toThrow(ResumeError);
      expect(read).toThrow("start a new run with --from and the folder");
    }
  });

  it("takes defaults for keys that there were none of when it was written, and refuses those that are unknown", () => {
    const { metadata, tensors } = decodeSafetensors(bytes, "f");
    const { writeMargin, ...training } = config.training;
    expect(writeMargin).toBe(0);
    const run = JSON.stringify({ model: config.model, training });
    expect(decode(encodeSafetensors(tensors, { ...metadata, run })).changes).toEqual([]);
    for (const broken of ["{", JSON.stringify({ ...config, later: 1 })]) {
      const read = (): unknown => decode(encodeSafetensors(tensors, { ...metadata, run: broken }));
      expect(read).toThrow(ResumeError);
      expect(read).toThrow("run/checkpoint.safetensors: its config cannot be read:");
    }
  });

  it("says when the training text is another one, where both are known", () => {
    const file = encodeRunState(state, 17, config, { documents: "aa" });
    const changesWith = (documents?: string): readonly string[] =>
      decodeRunState(file, state, config, "c", { documents }).changes;
    expect(changesWith("aa")).toEqual([]);
    expect(changesWith()).toEqual([]);
    expect(changesWith("bb")).toEqual(["the training text is not the one that the checkpoint was trained on"]);
    expect(decodeRunState(bytes, state, config, "c", { documents: "bb" }).changes).toEqual([]);
  });

  it("keeps the memory of the lanes only while they read the same", () => {
    const carrying = tinyRun({ carry: 0.5 });
    const like = startOfRun(carrying).state;
    const memory = emptyMemory(createModel(carrying.model), carrying.training);
    const whole = { ...like, ...memory };
    const file = encodeRunState(whole, 3, carrying, { documents: "aa" });
    const read = (other: RunConfig, documents = "aa"): RestoredRun =>
      decodeRunState(file, startOfRun(other).state, other, "c", { documents });
    const emptied = "lanes start with an empty memory, since they read something else now";
    expect(Object.keys(memory).length).toBeGreaterThan(0);
    expect(read(carrying)).toEqual({ state: whole, step: 3, changes: [] });
    expect(read(tinyRun({ carry: 0.5, steps: 9, learningRate: 1 })).state).toEqual(whole);
    for (const other of [
      tinyRun({ carry: 0.5, batch: 3 }),
      tinyRun({ carry: 0.25 }),
      tinyRun({ carry: 0.5, seed: 4 }),
    ]) {
      expect(read(other).state).toEqual(like);
      expect(read(other).changes.at(-1)).toBe(emptied);
    }
    expect(read(carrying, "bb").state).toEqual(like);
    expect(read(carrying, "bb").changes.at(-1)).toBe(emptied);
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
    expectRefusal({ ...state, "params.head": zeros([8, 16]) }, '"params.head" is not part of this config');
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

  it("is not the weights alone, nor any other file", () => {
    expect(() => decode(encodeWeights(state))).toThrow(ResumeError);
    expect(() => decode(new TextEncoder().encode("hello, this is a text of some length"))).toThrow(SafetensorsError);
  });
});

// --- internal ---

function decode(file: Uint8Array): RestoredRun {
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
