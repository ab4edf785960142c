import { expect, it } from "vitest";
import { floatTensor } from "../tensor/host-tensor.ts";
import { scalar } from "./builder.ts";
import { sharedConstant } from "./shared-constant.ts";

it("creates a constant once for all callers that ask for the same", () => {
  let made = 0;
  const ask = (kind: string, ...sizes: number[]): object =>
    sharedConstant(kind, sizes, () => (made++, floatTensor([2], Float32Array.of(1, 2))));
  const first = ask("a test's", 2, 3);
  expect(ask("a test's", 2, 3)).toBe(first);
  expect(made).toBe(1);
  for (const other of [ask("a test's", 3, 2), ask("a test's", 2), ask("another's", 2, 3)])
    expect(other).not.toBe(first);
  expect(made).toBe(4);
});

it("tells zeros of different signs apart", () => {
  expect([scalar(0), scalar(-0)].map(({ attributes }) => attributes)).toEqual([
    { value: floatTensor([], Float32Array.of(0)) },
    { value: floatTensor([], Float32Array.of(-0)) },
  ]);
});
