import { unzipSync } from "fflate";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createNodeEngine } from "../../src/engine/ort-node.ts";
import { readBytes, readJson } from "../../src/node/files.ts";
import { loadModelFolder } from "../../src/node/model-folder.ts";
import { parseRunConfig } from "../../src/train/config.ts";
import { decodeRunState } from "../../src/train/run-state.ts";
import { runTraining, startOfRun } from "../../src/train/run.ts";
import { openApplication, openView, PICTURES, type Application } from "./application.ts";
import { NO_BROWSER } from "./chromium.ts";

const PATIENTLY = { timeout: 60_000 };

let application: Application;
let page: Page;

describe.skipIf(NO_BROWSER !== undefined)(`the view Train${NO_BROWSER ? `: ${NO_BROWSER}` : ""}`, () => {
  beforeAll(async () => {
    application = await openApplication();
  }, 120_000);

  beforeEach(async () => {
    page = await openView(application, "Train");
    await discardRunOf(page);
  });

  afterEach(async () => {
    await page.close();
    expect(application.browser.problems).toEqual([]);
  });

  afterAll(() => application?.close());

  it("trains, pauses, and gives a run folder that Node goes on with", async () => {
    await page.getByLabel(/pass keys/).check();
    await page.getByRole("button", { name: "Train" }).click();
    await expect.poll(stepsDone, PATIENTLY).toBeGreaterThan(12);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Paused.").waitFor();
    const steps = await stepsDone();
    expect(await losses()).toSatisfy(([first, last]: [number, number]) => last < first && first < 6);
    await page.screenshot({ path: join(PICTURES, "train.png"), fullPage: true });
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download the run folder" }).click(),
    ]);
    expect(await stepsInNode(await readFile(await download.path()), steps + 1)).toBe(steps + 1);
    await page.getByRole("button", { name: "Go on" }).click();
    await expect.poll(stepsDone, PATIENTLY).toBeGreaterThan(steps);
  }, 120_000);

  it("trains on a book, and can be given up", async () => {
    await page.getByRole("button", { name: "Train" }).click();
    await expect.poll(stepsDone, PATIENTLY).toBeGreaterThan(2);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: "Discard" }).click();
    await page.getByText("No run yet.").waitFor();
    expect(await stepsDone()).toBe(0);
  }, 120_000);

  it("goes on by itself when the page is loaded again, from the step that was kept", async () => {
    await page.getByLabel(/pass keys/).check();
    await page.getByRole("button", { name: "Train" }).click();
    await expect.poll(stepsDone, PATIENTLY).toBeGreaterThan(12);
    const [first] = await losses();
    await page.reload();
    await expect.poll(stepsDone, PATIENTLY).toBeGreaterThan(22);
    expect(await page.getByLabel(/pass keys/).isChecked()).toBe(true);
    expect((await losses())[0]).toBe(first);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Paused.").waitFor();
    const steps = await stepsDone();
    await page.reload();
    await page.getByText("Paused.").waitFor();
    expect(await stepsDone()).toBe(steps);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download the run folder" }).click(),
    ]);
    expect(await stepsInNode(await readFile(await download.path()), steps + 1)).toBe(steps + 1);
  }, 120_000);

  it("keeps the runs of two tabs apart", async () => {
    const other = await application.browser.newPage();
    await other.goto(`${application.url}#train`);
    await discardRunOf(other);
    const steps: number[] = [];
    for (const tab of [page, other]) {
      if (tab === page) await tab.getByLabel(/pass keys/).check();
      await tab.getByRole("button", { name: "Train" }).click();
      await expect.poll(() => stepsDone(tab), PATIENTLY).toBeGreaterThan(steps.length === 0 ? 4 : 12);
      await tab.getByRole("button", { name: "Pause" }).click();
      await tab.getByText("Paused.").waitFor();
      steps.push(await stepsDone(tab));
    }
    await Promise.all([page.reload(), other.reload()]);
    for (const [i, tab] of [page, other].entries()) {
      await tab.getByText("Paused.").waitFor();
      expect(await stepsDone(tab)).toBe(steps[i]);
      expect(await tab.getByLabel(/pass keys/).isChecked()).toBe(tab === page);
    }
    await other.close();
  }, 120_000);

  it.each(["light", "dark"] as const)("is accessible in %s colours", async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    await page.addScriptTag({ path: "node_modules/axe-core/axe.min.js" });
    const violations = await page.evaluate<string[]>(
      "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`))",
    );
    expect(violations).toEqual([]);
  });
});

// --- internal ---

/** Gives up what a tab that is gone has left. */
async function discardRunOf(tab: Page): Promise<void> {
  await tab.getByText(/^(No run yet|Paused|Done)\.$/).waitFor();
  const discard = tab.getByRole("button", { name: "Discard" });
  if (await discard.isVisible()) await discard.click();
  await tab.getByText("No run yet.").waitFor();
}

async function stepsDone(tab = page): Promise<number> {
  return Number(await tab.getByRole("progressbar", { name: "Steps of the run" }).getAttribute("value"));
}

/** The first and the last loss, as the chart tells them. */
async function losses(): Promise<number[]> {
  const label = await page.getByRole("img", { name: /^Loss from/ }).getAttribute("aria-label");
  return (label?.match(/\d+\.\d+/g) ?? []).map(Number);
}

/** Steps after going on with a downloaded run up to a step. */
async function stepsInNode(archive: Uint8Array, until: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "infini-run-"));
  try {
    await mkdir(join(folder, "nano"));
    const files = Object.entries(unzipSync(archive, { filter: ({ name }) => !name.endsWith("/") }));
    for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
    const file = (name: string): string => join(folder, "nano", name);
    const config = parseRunConfig(await readJson(file("recipe.json")));
    expect((await loadModelFolder(join(folder, "nano"))).model.config).toEqual(config.model);
    const checkpoint = file("checkpoint.safetensors");
    const from = decodeRunState(await readBytes(checkpoint), startOfRun(config).state, config, checkpoint);
    const stop = new AbortController();
    const onStep = ({ step }: { step: number }): void => {
      if (step === until) stop.abort();
    };
    const engine = await createNodeEngine({ threads: 1 });
    return (await runTraining({ config, documents: [], engine, from, signal: stop.signal, onStep })).step;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
