import { describe, expect, it } from "vitest";
import { filled, type FloatTensor } from "../graph/host-tensor.ts";
import { replaced, sharing } from "./register.ts";

const tensor = (value: number): FloatTensor => filled([2], value);

describe("a register", () => {
  const [first, second, third] = [{ a: tensor(1) }, { a: tensor(2) }, { a: tensor(3) }];

  it("gives tensors back once nobody reads them, and those of someone else never", () => {
    const once = replaced(sharing(first), second);
    expect(once).toEqual({ value: second, spare: {}, shared: false });
    const twice = replaced(once, third);
    expect(twice.value["a"]).toBe(third.a);
    expect(twice.spare["a"]).toBe(second.a);
    expect(replaced(sharing(twice.value), first).spare).toEqual({});
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
