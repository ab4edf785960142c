import { describe, expect, it } from "vitest";
import { DeviceError } from "./engine.ts";
import { engineSuite } from "./engine.suite.ts";
import { createNodeEngine, type NodeDevice } from "./ort-node.ts";

engineSuite("cpu", () => createNodeEngine({ device: "cpu", threads: 1 }));
engineSuite("webgpu", () => createNodeEngine({ device: "webgpu" }), {
  skip: process.env["INFINI_TEST_WEBGPU"] ? undefined : "INFINI_TEST_WEBGPU is not set",
});

describe("createNodeEngine", () => {
  it("refuses a device that the runtime lacks and names those it has", async () => {
    const engine = createNodeEngine({ device: "abacus" as NodeDevice });
    await expect(engine).rejects.toThrow(DeviceError);
    await expect(engine).rejects.toThrow(/"abacus" is not available here; available: .*cpu/);
  });
});
