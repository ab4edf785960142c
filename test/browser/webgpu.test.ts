import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openApplication, openView, type Application } from "./application.ts";
import { NO_BROWSER, SOFTWARE_GPU } from "./chromium.ts";

const UNAVAILABLE = NO_BROWSER ?? (process.platform === "linux" ? undefined : "SwiftShader is tried on Linux");

let application: Application;

/* What it computes is tested by engine.test.ts; without a graphics card it is far too slow to read much. */
describe.skipIf(UNAVAILABLE !== undefined)(`the page on WebGPU${UNAVAILABLE ? `: ${UNAVAILABLE}` : ""}`, () => {
  beforeAll(async () => {
    application = await openApplication({ flags: SOFTWARE_GPU });
  }, 120_000);
  afterAll(() => application?.close());

  it("reads and answers, where that is chosen; what it remembers goes on on WebAssembly", async () => {
    const page = await openView(application, undefined, 240_000);
    await page.getByText(/computed by WebAssembly on several threads\.$/).waitFor();
    await page.getByLabel("Computed by").selectOption("WebGPU");
    await page.getByText(/computed by WebGPU\.$/).waitFor();
    await page.reload();
    await page.getByText(/computed by WebGPU\.$/).waitFor();
    await findKey(page, "41927");
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

  it("trains, where that is chosen", async () => {
    const page = await openView(application, "Train", 240_000);
    await page.getByLabel("Computed by").selectOption("WebGPU");
    await page.getByRole("button", { name: "Train", exact: true }).click();
    await page.getByText(/^Step 2 of /).waitFor();
    expect(application.browser.problems).toEqual([]);
    await page.close();
  }, 600_000);
});

// --- internal ---

async function findKey(page: Page, key: string): Promise<void> {
  const buffer = Buffer.from("It is a way I have of driving off the spleen.\n".repeat(12));
  await page.getByLabel("A text file …").setInputFiles({ name: "short.txt", mimeType: "text/plain", buffer });
  await page.getByLabel("The key", { exact: true }).fill(key);
  await page.getByRole("slider").press("Enter");
  await page.getByRole("button", { name: "Read", exact: true }).click();
  await page.getByText("Read to the end.").waitFor();
  await page.getByRole("button", { name: "What is the pass key?" }).click();
  await page.getByText(/^Right, /).waitFor();
}
