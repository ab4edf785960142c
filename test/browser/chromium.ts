import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type BrowserContext, type Page } from "playwright-core";

const EXECUTABLE = process.env["INFINI_CHROMIUM"] ?? "/usr/bin/chromium";

/** WebGPU without a graphics card: SwiftShader, which comes with Chromium. */
export const SOFTWARE_GPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"];

/** Why nothing can be tested in a browser here, or nothing. */
export const NO_BROWSER: string | undefined = existsSync(EXECUTABLE)
  ? undefined
  : `there is no Chromium at ${EXECUTABLE}; INFINI_CHROMIUM names another`;

/** A browser with a page, and all that went wrong in it: messages of the console and requests that failed. */
export interface Browser {
  readonly context: BrowserContext;
  readonly problems: readonly string[];
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

/** Starts the system's Chromium with an empty profile. */
export async function launchBrowser(flags: readonly string[] = NO_GPU): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "infini-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: EXECUTABLE,
    args: [...OFFLINE_FLAGS, ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []), ...flags],
  });
  const problems: string[] = [];
  return {
    context,
    problems,
    async newPage() {
      const page = await context.newPage();
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) problems.push(message.text());
      });
      page.on("pageerror", (error) => problems.push(String(error)));
      page.on("response", (response) => {
        if (response.status() >= 400) problems.push(`${response.status()} ${response.url()}`);
      });
      return page;
    },
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

/** Bytes of memory that the pages of the browser and their workers take. */
export async function residentBytes({ context }: Browser): Promise<number> {
  const session = await context.browser()?.newBrowserCDPSession();
  const processes = (await session?.send("SystemInfo.getProcessInfo"))?.processInfo ?? [];
  const pages = processes.filter(({ type }) => type === "renderer").map(({ id }) => String(id));
  const kilobytes = execFileSync("ps", ["-o", "rss=", "-p", pages.join()], { encoding: "utf8" });
  const sizes = kilobytes.trim().split(/\s+/);
  return 1024 * sizes.reduce((sum, size) => sum + Number(size), 0);
}

// --- internal ---

/** A page on a graphics card would be another one. */
const NO_GPU = ["--disable-gpu"];

/** Without them Chromium looks for hosts of its maker's at every start. */
const OFFLINE_FLAGS = [
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
