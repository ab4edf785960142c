import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import type { Plugin } from "vite";

/** Writes a worker beside the page that keeps all files of the build, so that the page opens without a network. */
export function offline(worker: string): Plugin {
  return {
    name: "offline",
    apply: "build",
    writeBundle({ dir = "dist" }) {
      const kept = JSON.stringify(hashesOf(dir), null, 2);
      writeFileSync(join(dir, "service-worker.js"), `const FILES = ${kept};\n${readFileSync(worker, "utf8")}`);
    },
  };
}

// --- internal ---

/** What hosts read and do not serve. */
const UNSERVED = ["_headers"];

function hashesOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !UNSERVED.includes(entry.name) && entry.name !== "service-worker.js")
    .map(({ parentPath, name }) => join(parentPath, name))
    .toSorted();
  return Object.fromEntries(files.map((file) => [nameIn(folder, file), hashOf(readFileSync(file))]));
}

function nameIn(folder: string, file: string): string {
  return relative(folder, file).split(sep).join("/");
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}
