import { describe, expect, it } from "vitest";
import { add, input } from "../../graph/builder.ts";
import { createGraph } from "../../graph/graph.ts";
import { filled, type HostTensor } from "../../tensor/host-tensor.ts";
import { madeUpDevice, withRuns } from "../fixtures.ts";
import { createNodeEngine } from "../ort/ort-node.ts";
import { createReferenceEngine } from "../reference/reference.ts";
import { createStore } from "./store.ts";
import { storeSuite } from "./store.suite.ts";

storeSuite("reference", createReferenceEngine, { onDevice: false });
storeSuite("cpu", () => createNodeEngine({ threads: 1 }), { onDevice: false });
storeSuite("a made-up device", () => madeUpDevice(createReferenceEngine()).engine, { onDevice: true });

const SHAPE = [8, 4];
const STEP = createGraph({ "next.x": add(input("x", SHAPE), input("weight", SHAPE)) });

describe("a store on the host", () => {
  it("alternates between two tensors, whatever is written or cleared in between", async () => {
    const seen = new Set<HostTensor | undefined>();
    const engine = withRuns(createReferenceEngine(), (_, program, feeds, into) => {
      seen.add(into?.["next.x"]);
      return program.run(feeds, into);
    });
    const store = createStore(engine, { x: filled(SHAPE, 0), weight: filled(SHAPE, 1) });
    const program = await store.compile(STEP);
    const given = filled(SHAPE, 3);
    for (let step = 0; step < 12; step++) {
      if (step % 3 === 1) store.write({ x: given });
      if (step % 3 === 2) store.clear((name) => name === "x");
      await program.run({});
      if (step % 4 > 0) store.keep();
    }
    seen.delete(undefined);
    expect(seen.size).toBeLessThan(4);
    expect(given).toEqual(filled(SHAPE, 3));
  });
});

describe("a store on a device", () => {
  it("sends each value once, and brings one number back where nothing is requested", async () => {
    const device = madeUpDevice(createReferenceEngine());
    const store = createStore(device.engine, { x: filled(SHAPE, 0), weight: filled(SHAPE, 1) });
    const program = await store.compile(STEP);
    const size = 4 * 8 * 4;
    for (let step = 0; step < 5; step++) {
      await program.run({});
      store.keep();
      expect(device.moved).toEqual({ toDevice: 2 * size, toHost: 4 * (step + 1) });
      expect(device.tensors).toBe(2);
    }
    expect((await store.read((name) => name === "x"))["x"]?.data[0]).toBe(5);
    expect(device.moved).toEqual({ toDevice: 2 * size, toHost: 4 * 5 + size });
    store.clear((name) => name === "x");
    for (let step = 0; step < 5; step++) {
      await program.run({});
      store.keep();
    }
    expect(device.moved).toEqual({ toDevice: 3 * size, toHost: 4 * 10 + size });
    await program.run({});
    expect(device.tensors).toBe(3);
    await store.dispose();
    expect(device.tensors).toBe(0);
  });
});
