import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { Computed } from "./work.ts";

/*
 * WebGPU in Node, on an adapter in software: the driver that comes with Chromium, as INFINI_VULKAN_DRIVER may name another.
 * The loader looks for it when a process starts, so the work is done in processes of their own.
 */

const DRIVER = process.env["INFINI_VULKAN_DRIVER"] ?? "/usr/lib/chromium/vk_swiftshader_icd.json";
const MISSING = existsSync(DRIVER) ? "" : ` (there is no Vulkan driver at ${DRIVER})`;
const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

describe.skipIf(MISSING)(`webgpu in Node${MISSING}`, () => {
  it("computes training and reading as the CPU does", async () => {
    const [ours, reference] = [await computedOn("webgpu"), await computedOn("cpu")];
    expect(ours.losses.length).toBe(reference.losses.length);
    ours.losses.forEach((loss, i) => expect(loss).toBeCloseTo(reference.losses[i] ?? Number.NaN, 4));
    expect(ours.logits.length).toBe(reference.logits.length);
    ours.logits.forEach((row, i) =>
      row.forEach((logit, j) => expect(logit).toBeCloseTo(reference.logits[i]?.[j] ?? Number.NaN, 3)),
    );
  }, 60_000);

  it("computes whole programs, with nothing left to the CPU", async () => {
    expect(JSON.parse(await output("--import", "tsx", scriptOf("placement.ts")))).toEqual([]);
  }, 120_000);

  it("passes the suites of engines and stores", async () => {
    const vitest = join(REPOSITORY, "node_modules/vitest/vitest.mjs");
    const suites = ["run", "src/engine/ort/ort-node.test.ts", "--testNamePattern", "webgpu", "--reporter", "json"];
    const { numPassedTests, numFailedTests } = JSON.parse(await output(vitest, ...suites)) as Summary;
    expect(numFailedTests).toBe(0);
    expect(numPassedTests).toBeGreaterThan(250);
  }, 240_000);
});

// --- internal ---

/** What vitest says of a run. */
interface Summary {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
}

async function computedOn(device: string): Promise<Computed> {
  return JSON.parse(await output("--import", "tsx", scriptOf("work.ts"), device)) as Computed;
}

function scriptOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** What a process of Node writes that has the driver. */
async function output(...args: string[]): Promise<string> {
  const driver = { VK_DRIVER_FILES: DRIVER, VK_ICD_FILENAMES: DRIVER, LD_LIBRARY_PATH: dirname(DRIVER) };
  const env = { ...process.env, ...driver, INFINI_TEST_WEBGPU: "1" };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, cwd: REPOSITORY, maxBuffer: 1 << 26 });
  return stdout;
}
