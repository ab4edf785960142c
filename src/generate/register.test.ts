import { describe, expect, it } from "vitest";
import { filled, floatTensor, type FloatTensor } from "../graph/host-tensor.ts";
import { replaced, sharing, withRows } from "./register.ts";

const tensor = (value: number): FloatTensor => filled([2], value);

describe("a register", () => {
  const [first, second, third] = [{ a: tensor(1) }, { a: tensor(2) }, { a: tensor(3) }];

  it("gives tensors back once nobody reads them, and those of someone else never", () => {
    const once = replaced(sharing(first), second);
    expect(once).toEqual({ value: second, spare: {}, shared: new Set() });
    const twice = replaced(once, third);
    expect(twice.value["a"]).toBe(third.a);
    expect(twice.spare["a"]).toBe(second.a);
    expect(replaced(sharing(twice.value), first).spare).toEqual({});
  });

  it("never gives back what a run has left and someone else holds", () => {
    const part = replaced(sharing({ a: tensor(1), b: tensor(2) }), { b: tensor(3) });
    expect(replaced(part, { a: tensor(4), b: tensor(5) }).spare).toEqual({ b: tensor(3) });
  });

  it("keeps a spare tensor for a run that replaces its name", () => {
    const twice = replaced(replaced(sharing({}), { a: tensor(1), b: tensor(2) }), { a: tensor(3), b: tensor(4) });
    const { a } = twice.spare;
    const part = replaced(twice, { b: tensor(5) });
    expect(part.spare["a"]).toBe(a);
    expect(part.spare["b"]).toEqual(tensor(4));
    expect(replaced(part, { a: tensor(6) }).spare["a"]).toEqual(tensor(3));
  });

  it("writes rows into tensors of its own, and into a copy of those of someone else", () => {
    const theirs = { a: floatTensor([2, 2, 1], Float32Array.of(1, 2, 3, 4)), b: tensor(7) };
    const once = withRows(sharing(theirs), { a: floatTensor([2, 1, 1], Float32Array.of(8, 9)) }, 1, 1);
    expect(theirs.a.data).toEqual(Float32Array.of(1, 2, 3, 4));
    expect(once.value["a"]?.data).toEqual(Float32Array.of(1, 8, 3, 9));
    const twice = withRows(once, { a: floatTensor([2, 2, 1], Float32Array.of(5, 0, 6, 0)) }, 0, 1);
    expect(twice.value["a"]).toBe(once.value["a"]);
    expect(twice.value["a"]?.data).toEqual(Float32Array.of(5, 8, 6, 9));
    expect([...twice.shared]).toEqual(["b"]);
  });

  it("keeps what a run does not replace", () => {
    const both = replaced(sharing({}), { a: tensor(1), b: tensor(2) });
    const after = replaced(both, { b: tensor(3) });
    expect(after.value["a"]).toBe(both.value["a"]);
    expect(Object.keys(after.spare)).toEqual(["b"]);
    const { a } = both.value;
    expect(a && replaced(both, { a }).spare).toEqual({}); // a result that is its own input
  });
});
