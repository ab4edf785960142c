import { describe, expect, it } from "vitest";
import { DeviceError } from "../engine.ts";
import { createWebEngine, type WebDevice } from "./ort-web.ts";

/* What it computes is tested in a browser: test/browser/engine.test.ts. */
describe("createWebEngine", () => {
  it.each([
    ["abacus", /"abacus" is not available here; available: wasm, webgpu/],
    ["webgpu", /this browser has no WebGPU/],
  ])("refuses the device %s, with the reason", async (device, reason) => {
    const engine = createWebEngine({ device: device as WebDevice });
    await expect(engine).rejects.toThrow(DeviceError);
    await expect(engine).rejects.toThrow(reason);
  });
});
