import { describe, expect, it } from "vitest";
import { createQueue } from "./queue.ts";

describe("a queue", () => {
  it("runs tasks one at a time, in order, even after a failure", async () => {
    const inTurn = createQueue();
    const seen: string[] = [];
    const task = (name: string, fails = false): Promise<string> =>
      inTurn(async () => {
        seen.push(`${name} begins`);
        await new Promise((resolve) => setTimeout(resolve, name === "first" ? 5 : 0));
        seen.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      });
    const results = await Promise.allSettled([task("first"), task("second", true), task("third")]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(seen).toEqual(["first", "second", "third"].flatMap((name) => [`${name} begins`, `${name} ends`]));
  });
});
