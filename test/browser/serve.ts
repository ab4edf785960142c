import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

export interface Site {
  /** Its address, without a slash at the end. */
  readonly url: string;
  /** The paths that were asked for, as often as they were. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

export interface SiteOptions {
  /** Folders by the start of the path that leads to them, such as `/ort/`. The first that fits serves. */
  readonly folders?: Readonly<Record<string, string>>;
  /** Contents by path. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Whether pages are cross-origin isolated, and so may use threads. */
  readonly isolated: boolean;
}

/** A plain file server on a free port of this machine. */
export async function serveSite({ folders = {}, files = {}, isolated }: SiteOptions): Promise<Site> {
  const requests: string[] = [];
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname));
    requests.push(path);
    const content = await contentOf(path, folders, files).catch(() => undefined);
    const type = TYPES[extname(path)] ?? (path.endsWith("/") ? TYPES[".html"] : "application/octet-stream");
    response.writeHead(content === undefined ? 404 : 200, { "content-type": type, ...(isolated && ISOLATION) });
    response.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

// --- internal ---

const ISOLATION = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
} as const;

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
};

async function contentOf(
  path: string,
  folders: Readonly<Record<string, string>>,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<string | Uint8Array> {
  const content = files[path];
  if (content !== undefined) return content;
  const start = Object.keys(folders).find((prefix) => path.startsWith(prefix));
  if (start === undefined) throw new Error(`${path}: there is no such file`);
  const rest = path.slice(start.length);
  return readFile(join(folders[start] ?? "", rest === "" || rest.endsWith("/") ? `${rest}index.html` : rest));
}
