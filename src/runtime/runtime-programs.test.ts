import { beforeAll, describe, expect, it } from "vitest";
import type { Engine } from "../engine/engine.ts";
import { madeUpDevice } from "../engine/fixtures.ts";
import { createNodeEngine } from "../engine/ort/ort-node.ts";
import type { Graph } from "../graph/graph.ts";
import { randomTokens, SEGMENT, tinyModel, weightsOf } from "./fixtures.ts";
import { createSession, type Session } from "./session.ts";

let engine: Engine;

beforeAll(async () => {
  engine = await createNodeEngine({ threads: 1 });
});

describe("what a session has prepared", () => {
  const tokens = randomTokens(6 * SEGMENT);
  /** A whole block, single segments, and a segment in two parts. */
  const parts = [tokens.subarray(0, 5 * SEGMENT + 2), tokens.subarray(5 * SEGMENT + 2)];

  it.each<[Parameters<Session["prepare"]>, (session: Session, part: Int32Array) => Promise<unknown>]>([
    [[], (session, part) => session.read(part)],
    [["losses"], (session, part) => session.score(part, part)],
    [["allLogits"], (session, part) => session.logits(part)],
    [["state", "logits"], (session, part) => session.prefill(part)],
  ])("%j compiles nothing when it is first used", async (outputs, use) => {
    let compiled = 0;
    const counting: Engine = { ...engine, compile: (graph) => (compiled++, engine.compile(graph)) };
    const session = createSession({ loaded: tinyModel(), engine: counting, blockLength: 3 * SEGMENT });
    await session.prepare(...outputs);
    const before = compiled;
    expect(before).toBeGreaterThan(0);
    for (const part of parts) await use(session, part);
    expect(session.position).toBe(tokens.length);
    expect(compiled).toBe(before);
    await session.dispose();
  });
});

describe("the weights", () => {
  it("are built into programs that run often on the host, and are one copy for all programs on a device", async () => {
    const graphs: Graph[] = [];
    const seen = (working: Engine): Engine => ({
      ...working,
      compile: (graph) => (graphs.push(graph), working.compile(graph)),
    });
    const device = madeUpDevice(seen(engine));
    const weights = Object.keys(weightsOf(tinyModel())).length;
    for (const onDevice of [false, true]) {
      const working = onDevice ? device.engine : seen(engine);
      const session = createSession({ loaded: tinyModel(), engine: working, blockLength: 3 * SEGMENT });
      await session.prepare("state", "losses", "logits");
      await session.step(1);
      const models = graphs.splice(0).filter(({ inputs }) => inputs["tokens"]);
      const fixed = models.filter(({ inputs }) => !Object.keys(inputs).some((name) => name.startsWith("params.")));
      // Blocks and single segments that are read or scored, and the single token.
      expect(fixed.length).toBe(onDevice ? 0 : 5);
      await session.read(randomTokens(2 * SEGMENT + 3));
      await session.score(randomTokens(SEGMENT), randomTokens(SEGMENT));
      if (onDevice) expect(device.tensors).toBeLessThan(2 * weights);
      await session.dispose();
    }
    expect(device.tensors).toBe(0);
  });
});

describe("a program that does not compile", () => {
  it("is compiled again at the next request, and does not keep others from being released", async () => {
    let [failing, released] = [true, 0];
    const moody: Engine = {
      ...engine,
      async compile(graph) {
        if (failing && graph.outputs["losses"]) throw new Error("no memory");
        const program = await engine.compile(graph);
        return { ...program, dispose: async () => (released++, program.dispose()) };
      },
    };
    const session = createSession({ loaded: tinyModel(), engine: moody });
    await session.read(randomTokens(2));
    await expect(session.score(randomTokens(2), randomTokens(2))).rejects.toThrow("no memory");
    failing = false;
    await session.score(randomTokens(2), randomTokens(2));
    failing = true;
    await expect(session.score(randomTokens(SEGMENT), randomTokens(SEGMENT))).rejects.toThrow("no memory");
    await session.dispose();
    expect(released).toBe(3); // reading, scoring, the end of a segment
    await expect(session.read(randomTokens(2))).rejects.toThrow("disposed");
  });
});
