import { afterEach, expect, vi } from "vitest";

const METHODS = ["log", "info", "warn", "error", "debug"] as const;
const spies = METHODS.map((method) => vi.spyOn(console, method));

/** The library prints nothing: what it has to say, it returns or throws. */
afterEach(() => {
  const calls = spies.flatMap((spy) => spy.mock.calls);
  for (const spy of spies) spy.mockClear();
  expect(calls, "written to the console").toEqual([]);
});
