import { expect, it } from "vitest";
import { expectClose } from "../engine/engine.suite.ts";
import { evaluate } from "../engine/reference/reference.ts";
import { input } from "../graph/builder.ts";
import { createGraph } from "../graph/graph.ts";
import { createRng } from "../base/random.ts";
import { applyRope, ropeTables, undoRope } from "./rope.ts";

it("undoes its own rotation, though the tables are rounded", () => {
  const [shape, rng] = [[2, 300, 6], createRng(1)];
  const x = { shape, data: Float64Array.from({ length: 2 * 300 * 6 }, () => rng.normal()) };
  const tables = ropeTables(300, 6, 10_000);
  const turned = applyRope(input("x", shape), tables);
  const found = evaluate(createGraph({ turned, back: undoRope(turned, tables) }), { x });
  expectClose(found["back"], x, 1e-12);
  expect(found["turned"]?.data.slice(6, 9)).not.toEqual(x.data.slice(6, 9));
});
