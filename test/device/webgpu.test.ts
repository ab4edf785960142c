import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { Computed } from "./work.ts";

/*
 * WebGPU in Node, on an adapter in software: the driver that comes with Chromium, as INFINI_VULKAN_DRIVER may name another.
 * The loader looks for it when a process starts, so the work is done in one of its own.
 */

const DRIVER = process.env["INFINI_VULKAN_DRIVER"] ?? "/usr/lib/chromium/vk_swiftshader_icd.json";
const MISSING = existsSync(DRIVER) ? "" : ` (there is no Vulkan driver at ${DRIVER})`;
const TIMEOUT = 60_000;

describe.skipIf(MISSING)(`training and reading on webgpu${MISSING}`, () => {
  it(
    "compute what the CPU does",
    async () => {
      const [ours, reference] = [await computedOn("webgpu"), await computedOn("cpu")];
      expect(ours.losses.length).toBe(reference.losses.length);
      ours.losses.forEach((loss, i) => expect(loss).toBeCloseTo(reference.losses[i] ?? Number.NaN, 4));
      expect(ours.logits.length).toBe(reference.logits.length);
      ours.logits.forEach((row, i) =>
        row.forEach((logit, j) => expect(logit).toBeCloseTo(reference.logits[i]?.[j] ?? Number.NaN, 3)),
      );
    },
    TIMEOUT,
  );
});

// --- internal ---

async function computedOn(device: string): Promise<Computed> {
  const script = fileURLToPath(new URL("work.ts", import.meta.url));
  const env = { ...process.env, VK_DRIVER_FILES: DRIVER, VK_ICD_FILENAMES: DRIVER, LD_LIBRARY_PATH: dirname(DRIVER) };
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", script, device], { env });
  return JSON.parse(stdout) as Computed;
}
