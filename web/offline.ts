import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import type { Plugin } from "vite";

/**
 * Writes a worker next to the page that keeps the files of the build, so that the page opens offline.
 *
 * @param worker The file of the worker.
 * @param whenUsed Files that are kept only once they have been requested, by their paths in the build.
 */
export function offline(worker: string, whenUsed: readonly RegExp[]): Plugin {
  return {
    name: "offline",
    apply: "build",
    writeBundle({ dir = "dist" }) {
      const files = servedFiles(dir);
      const late = files.filter((file) => whenUsed.some((pattern) => pattern.test(file)));
      const early = files.filter((file) => !late.includes(file));
      const tables = `const AT_ONCE = ${hashesOf(dir, early)};\nconst WHEN_USED = ${hashesOf(dir, late)};\n`;
      writeFileSync(join(dir, WORKER), tables + readFileSync(worker, "utf8"));
    },
  };
}

// --- internal ---

const WORKER = "service-worker.js";
/** Files that hosts read and do not serve, and that browsers fetch on their own. */
const UNKEPT = ["_headers", WORKER];

/** The files of a build by their paths in it, as URLs have them. */
function servedFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !UNKEPT.includes(entry.name))
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)).split(sep).join("/"))
    .toSorted();
}

/** The hash of each file's content as JSON. The page has the empty path, by which it is requested. */
function hashesOf(folder: string, files: readonly string[]): string {
  const hashes = files.map((file) => [file === "index.html" ? "" : file, hashOf(readFileSync(join(folder, file)))]);
  return JSON.stringify(Object.fromEntries(hashes), null, 2);
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}
