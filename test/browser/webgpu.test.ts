import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findKey, KEPT_FILES } from "./actions.ts";
import { openApplication, openView, type Application } from "./application.ts";
import { NO_BROWSER, SOFTWARE_GPU } from "./chromium.ts";
import { serveSite } from "./serve.ts";

const UNAVAILABLE = NO_BROWSER ?? (process.platform === "linux" ? undefined : "SwiftShader is tried on Linux");

let application: Application;

/* What it computes is tested by engine.test.ts; without a graphics card it is far too slow to read much. */
describe.skipIf(UNAVAILABLE !== undefined)(`the page on WebGPU${UNAVAILABLE ? `: ${UNAVAILABLE}` : ""}`, () => {
  beforeAll(async () => {
    application = await openApplication({ flags: SOFTWARE_GPU, offline: true });
  }, 120_000);
  afterAll(() => application?.close());

  it("reads and answers, where that is chosen; what it remembers goes on on WebAssembly", async () => {
    const page = await openView(application, undefined, 240_000);
    await page.getByText(/computed by WebAssembly on several threads\.$/).waitFor();
    await page.getByLabel("Computed by").selectOption("WebGPU");
    await page.getByText(/computed by WebGPU\.$/).waitFor();
    await page.reload();
    await page.getByText(/computed by WebGPU\.$/).waitFor();
    await findKey(page, SHORT, "41927");
    const [session] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Save", exact: true }).click(),
    ]);
    await page.getByLabel("Computed by").selectOption("WebAssembly");
    await page.getByText(/computed by WebAssembly on several threads\.$/).waitFor();
    expect(await page.getByText("41927", { exact: true }).count()).toBe(0);
    await page.getByLabel("Load …").setInputFiles(await session.path());
    await page.getByRole("button", { name: "What is the pass key?" }).click();
    await page.getByText("41927", { exact: true }).waitFor();
    expect(application.browser.problems).toEqual([]);
    await page.close();
  }, 600_000);

  it("opens on WebGPU without a network, and on WebAssembly where WebGPU works no more", async () => {
    const site = await serveSite({ folders: { "/a/page/": application.folder }, isolated: true });
    const page = await application.browser.newPage();
    await page.goto(`${site.url}/a/page/`);
    await page.getByText(/computed by WebAssembly on several threads\.$/).waitFor();
    await page.getByLabel("Computed by").selectOption("WebGPU");
    await page.getByText(/computed by WebGPU\.$/).waitFor();
    const files = await readdir(join(application.folder, "assets"));
    const runtime = files.filter((file) => /^ort\.webgpu|asyncify/.test(file));
    expect(runtime.length).toBeGreaterThan(2);
    const isKept = runtime.map((file): unknown => expect.stringContaining(file));
    await expect
      .poll(() => page.evaluate<string[]>(KEPT_FILES), { timeout: 60_000 })
      .toEqual(expect.arrayContaining(isKept));
    await site.close();
    await page.reload();
    await page.getByText(/computed by WebGPU\.$/).waitFor();
    await page.evaluate(FORGET_RUNTIME);
    await page.reload();
    await page.getByText(/computed by WebAssembly on several threads; WebGPU does not work here\.$/).waitFor();
    await page.close();
  }, 300_000);

  it("trains, where that is chosen", async () => {
    const page = await openView(application, "Train", 240_000);
    await page.getByLabel("Computed by").selectOption("WebGPU");
    await page.getByRole("button", { name: "Train", exact: true }).click();
    await page.getByText(/^Step \d+ of .* on WebGPU$/).waitFor();
    expect(application.browser.problems).toEqual([]);
    await page.close();
  }, 600_000);
});

// --- internal ---

/** Has the browser forget the runtime of WebGPU. */
const FORGET_RUNTIME = `(async () => {
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) if (request.url.includes("asyncify")) await cache.delete(request);
  }
})()`;

const SHORT = {
  name: "short.txt",
  mimeType: "text/plain",
  buffer: Buffer.from("It is a way I have of driving off the spleen.\n".repeat(12)),
};
