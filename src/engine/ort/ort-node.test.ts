import { describe, expect, it } from "vitest";
import { add, input } from "../../graph/builder.ts";
import { createGraph } from "../../graph/graph.ts";
import { filled } from "../../tensor/host-tensor.ts";
import { DeviceError } from "../engine.ts";
import { engineSuite } from "../engine.suite.ts";
import { createNodeEngine, type NodeDevice } from "./ort-node.ts";
import { storeSuite } from "../store/store.suite.ts";

engineSuite("cpu", () => createNodeEngine({ device: "cpu", threads: 1 }));
const skip = process.env["INFINI_TEST_WEBGPU"] ? undefined : "INFINI_TEST_WEBGPU is not set";
engineSuite("webgpu", () => createNodeEngine({ device: "webgpu" }), { skip });
storeSuite("webgpu", () => createNodeEngine({ device: "webgpu" }), { skip, onDevice: true });

describe("createNodeEngine", () => {
  it("leaves nothing behind from outputs written into given tensors", async () => {
    const shape = [256, 1024];
    const engine = await createNodeEngine();
    const program = await engine.compile(createGraph({ y: add(input("x", shape), 1) }));
    const [feeds, into] = [{ x: filled(shape, 1) }, { y: filled(shape, 0) }];
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 16; i++) await program.run(feeds, into);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20); // that of one output
    expect(into.y.data[0]).toBe(2);
    await program.dispose();
  });

  it("refuses a device that the runtime lacks and names those it has", async () => {
    const engine = createNodeEngine({ device: "abacus" as NodeDevice });
    await expect(engine).rejects.toThrow(DeviceError);
    await expect(engine).rejects.toThrow(/"abacus" is not available here; available: .*cpu/);
  });
});
