/* A page that runs the conformance suite of engines; bundled and opened by engine.test.ts. */
import { engineSuite } from "../../src/engine/engine.suite.ts";
import { createWebEngine, type WebDevice } from "../../src/engine/ort-web.ts";
import { runTests, type TestResult } from "./tiny-vitest.ts";

declare global {
  /** The device of an engine that was left the choice. */
  var chosenDevice: () => Promise<string>;
  var runEngineSuite: (device: WebDevice, tolerance: number) => Promise<TestResult[]>;
}

globalThis.chosenDevice = async () => (await createWebEngine({ assets: "/ort/" })).device;
globalThis.runEngineSuite = (device, tolerance) => {
  engineSuite(device, () => createWebEngine({ device, assets: "/ort/" }), { tolerance });
  return runTests();
};
