import { unzipSync } from "fflate";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createNodeEngine } from "../../src/engine/ort/ort-node.ts";
import { createSession } from "../../src/runtime/session.ts";
import { readCorpus } from "../../src/platform/node/corpus.ts";
import { readBytes, readJson } from "../../src/platform/node/files.ts";
import { loadModelFolder } from "../../src/platform/node/model-folder.ts";
import { parseRunConfig } from "../../src/train/config.ts";
import { decodeRunState } from "../../src/train/run-state.ts";
import { readsText, runTraining, startOfRun } from "../../src/train/run.ts";
import { violations } from "./actions.ts";
import { openApplication, openView, PICTURES, type Application } from "./application.ts";
import { NO_BROWSER } from "./chromium.ts";

/** Something to learn that a book does not have. */
const TEXT = Array.from({ length: 60 }, (_, i) => `${i} bottles of mead — on the wall, ${i + 1} to go.`).join("\n");

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

  it("trains, pauses, and gives a run folder that Node continues", async () => {
    await page.getByLabel(/pass keys/).check();
    await page.getByRole("button", { name: "Train" }).click();
    await expect.poll(stepsDone, PATIENTLY).toBeGreaterThan(12);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Paused.").waitFor();
    const steps = await stepsDone();
    expect(await losses()).toSatisfy(([first, last]: [number, number]) => last < first && first < 6);
    await page.screenshot({ path: join(PICTURES, "train.png"), fullPage: true });
    expect(await stepAfterInNode(await downloaded("Download the run folder"))).toBe(steps + 1);
    await page.getByRole("button", { name: "Continue" }).click();
    await expect.poll(stepsDone, PATIENTLY).toBeGreaterThan(steps);
  }, 120_000);

  it("trains on a book, and can be abandoned", async () => {
    await page.getByRole("button", { name: "Train" }).press("Enter");
    await expect.poll(stepsDone, PATIENTLY).toBeGreaterThan(2);
    await page.getByRole("button", { name: "Pause" }).press("Enter");
    await page.getByText("Paused.").waitFor();
    await page.getByRole("button", { name: "Discard" }).press("Enter");
    await page.getByText("No run yet.").waitFor();
    expect(await stepsDone()).toBe(0);
  }, 120_000);

  it("continues when the page is reloaded, from the step that was kept", async () => {
    await page.getByLabel(/pass keys/).check();
    await page.getByRole("button", { name: "Train" }).click();
    await expect.poll(stepsDone, PATIENTLY).toBeGreaterThan(12);
    const [first] = await losses();
    await page.reload();
    await expect.poll(stepsDone, PATIENTLY).toBeGreaterThan(22);
    await expectEachStepOnce();
    expect(await page.getByLabel(/pass keys/).isChecked()).toBe(true);
    expect((await losses())[0]).toBe(first);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Paused.").waitFor();
    const steps = await stepsDone();
    await page.reload();
    await page.getByText("Paused.").waitFor();
    expect(await stepsDone()).toBe(steps);
    expect(await stepAfterInNode(await downloaded("Download the run folder"))).toBe(steps + 1);
  }, 120_000);

  it("continues with a pasted text when the page is reloaded, before a checkpoint and after", async () => {
    await page.getByRole("radio", { name: "a text of your own" }).check();
    await page.getByLabel("or a text, pasted").fill(TEXT);
    await page.screenshot({ path: join(PICTURES, "train-own.png"), fullPage: true });
    await page.getByText("a pasted text, 2.74 kB. A token is a byte.").waitFor();
    await page.getByRole("button", { name: "Train" }).click();
    await expect.poll(stepsDone, PATIENTLY).toBeGreaterThan(1);
    await page.reload();
    await expect.poll(stepsDone, PATIENTLY).toBeGreaterThan(12);
    await expectEachStepOnce();
    await page.reload();
    await expect.poll(stepsDone, PATIENTLY).toBeGreaterThan(22);
    await expectEachStepOnce();
    expect(await page.getByRole("radio", { name: "a text of your own: a pasted text" }).isChecked()).toBe(true);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Paused.").waitFor();
    const steps = await stepsDone();
    const archive = await downloaded("Download the run folder");
    expect(Buffer.from(unzipSync(archive)["nano/text.txt"] ?? []).toString()).toBe(TEXT);
    expect(await stepAfterInNode(archive)).toBe(steps + 1);
  }, 120_000);

  it("trains on any file that is dropped, if it is long enough", async () => {
    await dropFile("short.bin", 256);
    await page.getByText(/^short\.bin has 256 bytes; a run needs 257 bytes: /).waitFor();
    expect(await page.getByRole("button", { name: "Train" }).isDisabled()).toBe(true);
    await page.getByLabel("or a text, pasted").fill("too short");
    await page.getByText(/^a pasted text has 9 bytes; a run needs 257 bytes: /).waitFor();
    await page.getByLabel("or a text, pasted").fill("");
    await page.getByText(/^Choose a file, drop one here, or paste a text: 257 bytes or more\.$/).waitFor();
    expect(await violations(page)).toEqual([]);
    await dropFile("long.bin", 257);
    await page.getByText("long.bin, 257 B.", { exact: false }).waitFor();
    await page.getByRole("button", { name: "Train" }).click();
    await expect.poll(stepsDone, PATIENTLY).toBeGreaterThan(1);
    expect(await page.getByRole("radio", { name: "a text of your own: long.bin" }).isChecked()).toBe(true);
  }, 120_000);

  it("gives its model to the views that read, and they give it back", async () => {
    await page.getByRole("radio", { name: "a text of your own" }).check();
    await page.getByLabel("or a text, pasted").fill(TEXT);
    await page.getByRole("button", { name: "Train" }).click();
    await expect.poll(stepsDone, PATIENTLY).toBeGreaterThan(12);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Paused.").waitFor();
    const steps = await stepsDone();
    const archive = await downloaded("Download the run folder");
    await page.getByRole("button", { name: "Use it under Read" }).click();
    const name = `Read by nano after ${steps} steps, trained here on a pasted text`;
    await page.getByText(new RegExp(`^${name}: [\\d,]+ parameters, `)).waitFor();
    expect(await page.evaluate<boolean>("document.activeElement.checkVisibility()")).toBe(true);
    expect(await page.evaluate<string>("document.activeElement.tagName")).toBe("MAIN");
    await readText();
    await page.getByRole("img", { name: /^Bits per byte/ }).waitFor();
    await page.getByText("trained on a text, to predict its bytes", { exact: false }).waitFor();
    expect(Number(await page.getByRole("meter").first().getAttribute("aria-valuenow"))).toBeGreaterThan(0);
    expect(await violations(page)).toEqual([]);
    await page.screenshot({ path: join(PICTURES, "read-trained.png"), fullPage: true });
    const session = await downloaded("Save");
    expect(await tokensInNode(archive, session)).toBeGreaterThan(Buffer.byteLength(TEXT));
    await lookInside(`${name}.`);
    await page.getByRole("button", { name: "Back to the shipped model" }).click();
    await page.getByText("Nothing has been read yet.").waitFor();
    await lookInside("Read by the shipped model.");
    await page.getByRole("link", { name: "Train" }).click();
    await page.getByRole("button", { name: "Use it under Read" }).click();
    await page.getByRole("button", { name: /Moby Dick/ }).click();
    await page.getByRole("button", { name: "Read", exact: true }).click();
    await expect.poll(() => page.getByRole("progressbar").getAttribute("value"), PATIENTLY).toMatch(/^[1-9]/);
    await page.getByRole("button", { name: "Back to the shipped model" }).click();
    await page.getByText("Ready to read.").waitFor();
    await page.getByText("0 tokens in all", { exact: true }).waitFor();
    await page.getByText(/^Read by the shipped model: 365,320 parameters, /).waitFor();
    await page.getByLabel("Load …").setInputFiles(fileOf("session.safetensors", session));
    expect(await page.getByRole("alert").textContent()).toBe("session.safetensors: was saved by another model");
    await readText();
    await page.getByText("This model was trained on pass keys", { exact: false }).waitFor();
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
    expect(await violations(page)).toEqual([]);
    await page.getByRole("radio", { name: "a text of your own" }).check();
    await page.getByLabel("or a text, pasted").fill(TEXT);
    expect(await violations(page)).toEqual([]);
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

function fileOf(name: string, bytes: Uint8Array): { name: string; mimeType: string; buffer: Buffer } {
  return { name, mimeType: "application/octet-stream", buffer: Buffer.from(bytes) };
}

/** Drops a file of binary data, as from a file manager. */
async function dropFile(name: string, bytes: number): Promise<void> {
  const dataTransfer = await page.evaluateHandle(`(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from({ length: ${bytes} }, (_, i) => i)], "${name}"));
    return transfer;
  })()`);
  await page.getByRole("region", { name: /from scratch/ }).dispatchEvent("drop", { dataTransfer });
}

/** The file that a button gives. */
async function downloaded(button: string): Promise<Uint8Array> {
  const clicked = page.getByRole("button", { name: button }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), clicked]);
  return readFile(await download.path());
}

/** Has the view Read read the text twice over. */
async function readText(): Promise<void> {
  await page.getByLabel("A text file …").setInputFiles(fileOf("bottles.txt", Buffer.from(TEXT + TEXT)));
  await page.getByRole("button", { name: "Read", exact: true }).click();
  await page.getByText("Read to the end.").waitFor();
  await page.getByText(/ tokens in all, [\d,]+ tokens\/s$/).waitFor();
}

/** Has the view Look inside read a line, with a model. */
async function lookInside(model: string): Promise<void> {
  await page.getByRole("link", { name: "Look inside" }).click();
  await page.getByText(model, { exact: true }).waitFor();
  await page.getByRole("textbox", { name: /your own text/ }).fill(TEXT.slice(0, 200));
  await page.getByRole("button", { name: "Read and look" }).click();
  await page.getByText(/^Read, in \d+ segments\.$/).waitFor();
}

async function stepsDone(tab = page): Promise<number> {
  return Number(await tab.getByRole("progressbar", { name: "Steps of the run" }).getAttribute("value"));
}

/** The steps that are drawn are as many as the run has done: none is missing, and none was done again. */
async function expectEachStepOnce(): Promise<void> {
  const [drawn, last] = await page.evaluate<number[]>(
    `[document.querySelector('progress[aria-label="Steps of the run"]').value,
      Number(/^Step ([\\d,]+) of/m.exec(document.body.innerText)[1].replace(",", ""))]`,
  );
  expect(drawn).toBe(last);
}

/** The first and the last loss, as the chart tells them. */
async function losses(): Promise<number[]> {
  const label = await page.getByRole("img", { name: /^Loss from/ }).getAttribute("aria-label");
  return (label?.match(/\d+\.\d+/g) ?? []).map(Number);
}

/** Calls with a downloaded run folder, unpacked. */
async function inFolder<T>(archive: Uint8Array, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "infini-run-"));
  try {
    await mkdir(join(folder, "nano"));
    const files = Object.entries(unzipSync(archive, { filter: ({ name }) => !name.endsWith("/") }));
    for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
    return await work(join(folder, "nano"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The next step of a downloaded run. */
function stepAfterInNode(archive: Uint8Array): Promise<number | undefined> {
  return inFolder(archive, async (folder) => {
    const config = parseRunConfig(await readJson(join(folder, "recipe.json")));
    expect((await loadModelFolder(folder)).model.config).toEqual(config.model);
    const documents = readsText(config) ? await readCorpus([join(folder, "text.txt")]) : [];
    const checkpoint = join(folder, "checkpoint.safetensors");
    const from = decodeRunState(await readBytes(checkpoint), startOfRun(config).state, config, checkpoint);
    const stop = new AbortController();
    const trained: number[] = [];
    const onStep = ({ step }: { step: number }): void => {
      trained.push(step);
      stop.abort();
    };
    const engine = await createNodeEngine({ threads: 1 });
    await runTraining({ config, documents, engine, from, signal: stop.signal, onStep });
    return trained[0];
  });
}

/** Tokens of a saved session, with the model of a downloaded run, which must be the one that saved it. */
function tokensInNode(archive: Uint8Array, saved: Uint8Array): Promise<number> {
  return inFolder(archive, async (folder) => {
    const session = createSession({ loaded: await loadModelFolder(folder), engine: await createNodeEngine() });
    await session.load(saved, "the session of the page");
    return session.position;
  });
}
