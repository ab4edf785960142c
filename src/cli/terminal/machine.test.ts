import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { peakRssBytes } from "./machine.ts";

it("returns the peak memory of this process, not of the one that started it", () => {
  const before = peakRssBytes();
  const held = Buffer.alloc(300e6, 1);
  expect(peakRssBytes()).toBeGreaterThan(Math.max(before, held.length));
  const file = JSON.stringify(new URL("machine.ts", import.meta.url).href);
  const script = `import(${file}).then(({ peakRssBytes }) => console.log(peakRssBytes()))`;
  const child = Number(execFileSync(process.execPath, ["--import", "tsx", "--eval", script], { encoding: "utf8" }));
  expect(child).toBeGreaterThan(20e6);
  expect(child).toBeLessThan(250e6);
});
