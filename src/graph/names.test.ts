import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { describe, expect, it } from "vitest";
import { changeKind, isOf, named, nameOf, nextOf, nextValues, pathsOf, rowsOf, rowsOfValues } from "./names.ts";

const leaf = { shape: [1] };
const other = { shape: [2] };

describe("names", () => {
  it("begin with the kind, followed by the path of a tree's leaf, which may be joined already", () => {
    const flat = { "params.blocks.0.gate": leaf, "params.head": other };
    expect(named("params", { blocks: { "0": { gate: leaf } }, head: other })).toEqual(flat);
    expect(named("params", { "blocks.0.gate": leaf, head: other })).toEqual(flat);
    expect(nameOf("params", "blocks", "0", "gate")).toBe("params.blocks.0.gate");
    expect(pathsOf("params", { ...flat, "state.head": leaf, "paramsx.y": leaf })).toEqual({
      "blocks.0.gate": leaf,
      head: other,
    });
  });

  it("tell apart kinds that begin alike", () => {
    expect(["trace.0.z", "traces.0.z", "trace", "x.trace.0"].map(isOf("trace"))).toEqual([true, false, false, false]);
  });

  it("of outputs are those of the values that they replace", () => {
    expect(nextOf("state.0.z")).toBe("next.state.0.z");
    expect(nextValues({ "state.0.z": leaf })).toEqual({ "next.state.0.z": leaf });
    expect(rowsOf("segment.0.keys")).toBe("rows.segment.0.keys");
    expect(rowsOfValues({ "segment.0.keys": leaf })).toEqual({ "rows.segment.0.keys": leaf });
  });

  it("change their kind and keep their path", () => {
    expect(changeKind({ "state.0.z": 1, "params.x": 2 }, "state", "memory")).toEqual({ "memory.0.z": 1 });
  });

  it("are built only here", () => {
    const literal =
      /["'`](params|optimizer|gradients|state|stateGradients|nextStateGradients|segment|memory|traces?|look|next|rows)\./;
    const files = readdirSync("src", { recursive: true, encoding: "utf8" })
      .map((file) => file.split(sep).join("/"))
      .filter((file) => file.endsWith(".ts") && !/\.(test|suite)\.ts$|\/testing\/|fixtures\.ts$/.test(file));
    const writers = files.filter((file) => literal.test(withoutComments(readFileSync(join("src", file), "utf8"))));
    expect(files).toContain("graph/names.ts");
    expect(writers).toEqual([]);
  });
});

// --- internal ---

function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, "");
}
