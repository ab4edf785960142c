import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, totalmem } from "node:os";
import { packageVersion } from "./commands.ts";

export interface Machine {
  readonly hardware: { readonly cpu: string; readonly cores: number; readonly memoryBytes: number };
  /** By the name of the package, or `node`. */
  readonly versions: Readonly<Record<string, string>>;
}

/** The machine and software that the figures were measured with. */
export function thisMachine(): Machine {
  const require = createRequire(import.meta.url);
  const versionOf = (manifest: string): string => (require(manifest) as { version: string }).version;
  return {
    hardware: { cpu: cpus()[0]?.model.trim() ?? "unknown", cores: availableParallelism(), memoryBytes: totalmem() },
    versions: {
      "infini-transformer": packageVersion(),
      "onnxruntime-node": versionOf("onnxruntime-node/package.json"),
      node: process.versions.node,
    },
  };
}

/**
 * Peak resident memory of this process.
 *
 * On Linux `maxRSS` is inherited from the process that started this one; `VmHWM` starts with the program.
 */
export function peakRssBytes(): number {
  const kibibytes =
    process.platform === "linux" && /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
  return (kibibytes ? Number(kibibytes[1]) : process.resourceUsage().maxRSS) * 1024;
}
