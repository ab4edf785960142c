import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const examples = readdirSync("examples").filter((file) => file.endsWith(".ts"));

describe("the examples", () => {
  it.each(examples)(
    "%s runs and reaches what it asserts",
    async (file) => {
      const { stdout } = await promisify(execFile)("npx", ["tsx", `examples/${file}`]);
      expect(stdout).not.toBe("");
    },
    120_000,
  );

  it.each(examples)("%s fits on a screen", (file) => {
    expect(readFileSync(`examples/${file}`, "utf8").split("\n").length).toBeLessThanOrEqual(61);
  });
});
