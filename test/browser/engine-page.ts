/* A page that runs the conformance suite of engines; bundled and opened by engine.test.ts. */
import { engineSuite } from "../../src/engine/engine.suite.ts";
import { createWebEngine, type WebDevice } from "../../src/engine/ort-web.ts";
import { runTests, type TestResult } from "./tiny-vitest.ts";

declare global {
  var runEngineSuite: (device: WebDevice, tolerance: number) => Promise<TestResult[]>;
}

globalThis.runEngineSuite = (device, tolerance) => {
  engineSuite(device, () => createWebEngine({ device, assets: "/ort/" }), { tolerance });
  return runTests();
};
