import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { launchBrowser, type Browser } from "./chromium.ts";
import { serveSite } from "./serve.ts";

/** The application as it is built for a host, under a path of it, and a browser. */
export interface Application {
  readonly url: string;
  readonly browser: Browser;
  /** Where the build is. */
  readonly folder: string;
  close(): Promise<void>;
}

/** Where screenshots go. */
export const PICTURES = "runs/browser";

export interface ApplicationOptions {
  /** Whether the browser keeps the page, which then comes from what is kept. Default: no. */
  readonly offline?: boolean;
  readonly flags?: readonly string[];
}

/** Builds the application, serves it and starts a browser. */
export async function openApplication({ offline = false, flags }: ApplicationOptions = {}): Promise<Application> {
  const folder = await mkdtemp(join(tmpdir(), "infini-web-"));
  // What vitest has here makes a build that takes itself for one under development.
  process.env["NODE_ENV"] = "production";
  const { build } = await import("vite");
  await build({ root: "web", logLevel: "silent", build: { outDir: folder, emptyOutDir: true } });
  const site = await serveSite({ folders: { "/some/path/": folder }, isolated: true });
  const browser = await launchBrowser(flags);
  if (!offline) await browser.context.addInitScript("delete Navigator.prototype.serviceWorker");
  return {
    url: `${site.url}/some/path/`,
    browser,
    folder,
    async close() {
      await browser.close();
      await site.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A page of the application with a view of it, by the name of its link; the first one without. */
export async function openView({ url, browser }: Application, view?: string, timeout = 60_000): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(timeout);
  await page.goto(url);
  if (view !== undefined) await page.getByRole("link", { name: view }).click();
  return page;
}
