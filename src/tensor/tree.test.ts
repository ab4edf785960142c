import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { flatten, mapTree, replacePrefix, unflatten } from "./tree.ts";

interface Leaf {
  readonly shape: readonly number[];
}

const leaf = (size: number): Leaf => ({ shape: [size] });
const MODEL = { embedding: leaf(1), blocks: [{ gate: leaf(2) }, { gate: leaf(3), empty: {} }] };

describe("flatten", () => {
  it("names leaves by their path, in order", () => {
    expect(Object.entries(flatten<Leaf>(MODEL))).toEqual([
      ["embedding", leaf(1)],
      ["blocks.0.gate", leaf(2)],
      ["blocks.1.gate", leaf(3)],
    ]);
  });

  it("puts a prefix before every path", () => {
    expect(Object.keys(flatten(MODEL, "moments.first"))).toEqual([
      "moments.first.embedding",
      "moments.first.blocks.0.gate",
      "moments.first.blocks.1.gate",
    ]);
  });

  it("returns nothing for an empty tree", () => {
    expect(flatten({})).toEqual({});
  });
});

describe("mapTree", () => {
  it("keeps the structure and passes paths", () => {
    const paths: string[] = [];
    const doubled = mapTree<typeof MODEL>(MODEL, ({ shape }, path) => {
      paths.push(path);
      return { shape: shape.map((size) => 2 * size) };
    });
    expect(doubled).toEqual({ embedding: leaf(2), blocks: [{ gate: leaf(4) }, { gate: leaf(6), empty: {} }] });
    expect(Array.isArray(doubled.blocks)).toBe(true);
    expect(paths).toEqual(Object.keys(flatten(MODEL)));
  });
});

describe("unflatten", () => {
  const { tree } = fc.letrec<{ tree: object; node: object }>((tie) => ({
    tree: fc.dictionary(fc.stringMatching(/^[a-r]{1,3}$/), tie("node"), { maxKeys: 3, noNullPrototype: true }),
    node: fc.oneof(
      { depthSize: "small" },
      fc.array(fc.nat(4), { maxLength: 2 }).map((shape) => ({ shape })),
      fc.array(tie("node"), { maxLength: 3 }),
      tie("tree"),
    ),
  }));

  it("is the inverse of flatten, both ways", () => {
    fc.assert(
      fc.property(tree, fc.constantFrom("", "state"), (original, prefix) => {
        const flat = flatten<Leaf>(original, prefix);
        const restored = unflatten<object>(flat, original, prefix);
        expect(restored).toEqual(original);
        expect(Object.entries(flatten(restored, prefix))).toEqual(Object.entries(flat));
      }),
    );
  });

  it("takes leaves by path, whatever their order, and ignores others", () => {
    const flat = { "blocks.1.gate": leaf(30), other: leaf(0), "blocks.0.gate": leaf(20), embedding: leaf(10) };
    expect(unflatten(flat, MODEL)).toEqual({
      embedding: leaf(10),
      blocks: [{ gate: leaf(20) }, { gate: leaf(30), empty: {} }],
    });
  });

  it("refuses a missing leaf and names it", () => {
    const flat = { embedding: leaf(1), "blocks.0.gate": leaf(2) };
    expect(() => unflatten(flat, MODEL)).toThrow(RangeError);
    expect(() => unflatten(flat, MODEL)).toThrow('there is no "blocks.1.gate"');
    expect(() => unflatten(flat, MODEL, "state")).toThrow('there is no "state.embedding"');
  });
});

describe("replacePrefix", () => {
  it("keeps the names that start with a prefix, under another one", () => {
    expect(replacePrefix({ "a.x": 1, "ab.y": 2, "b.a.z": 3 }, "a.", "c.")).toEqual({ "c.x": 1 });
    expect(replacePrefix({ "a.x": 1 }, "a.", "")).toEqual({ x: 1 });
  });
});
