/* A page that runs the conformance suites of engines and stores; bundled and opened by engine.test.ts. */
import type { Engine } from "../../src/engine/engine.ts";
import { engineSuite } from "../../src/engine/engine.suite.ts";
import { createWebEngine, type WebDevice } from "../../src/engine/ort/ort-web.ts";
import { storeSuite } from "../../src/engine/store/store.suite.ts";
import { runTests, type TestResult } from "./tiny-vitest.ts";

declare global {
  /** The device of an engine that was left the choice. */
  var chosenDevice: () => Promise<string>;
  var runEngineSuite: (device: WebDevice, tolerance: number) => Promise<TestResult[]>;
}

globalThis.chosenDevice = async () => (await createWebEngine({ assets: "/ort/" })).device;
globalThis.runEngineSuite = (device, tolerance) => {
  const createEngine = (): Promise<Engine> => createWebEngine({ device, assets: "/ort/" });
  engineSuite(device, createEngine, { tolerance });
  storeSuite(device, createEngine, { onDevice: device === "webgpu" });
  return runTests();
};
