import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { encodeText } from "../../src/text/bytes.ts";
import { PASSKEY_QUESTION, PASSKEY_TASK, passkeySentence } from "../../src/tasks/passkey.ts";
import { createNodeEngine } from "../../src/engine/ort/ort-node.ts";
import { lookInside, type SegmentLook } from "../../src/runtime/look.ts";
import { createSession } from "../../src/runtime/session.ts";
import { gatesOf } from "../../src/model/gates.ts";
import { loadModelFolder } from "../../src/platform/node/model-folder.ts";
import { violations } from "./actions.ts";
import { openApplication, openView, PICTURES, type Application } from "./application.ts";
import { NO_BROWSER } from "./chromium.ts";

const TEXT = `${PASSKEY_TASK}\n${"The ship went on through the night. ".repeat(9)}\n${passkeySentence("41927")}\n${"Nobody spoke of the whale. ".repeat(20)}\n${PASSKEY_QUESTION} 41927`;
/** Tokens of a segment of the shipped model. */
const SEGMENT = 64;

let application: Application;
let page: Page;

describe.skipIf(NO_BROWSER !== undefined)(`the view Look inside${NO_BROWSER ? `: ${NO_BROWSER}` : ""}`, () => {
  beforeAll(async () => {
    application = await openApplication();
  }, 120_000);

  beforeEach(async () => {
    page = await openView(application, "Look inside");
  });

  afterEach(async () => {
    await page.close();
    expect(application.browser.problems).toEqual([]);
  });

  afterAll(() => application?.close());

  it("finds the hidden key of a passage in what a head has from memory", async () => {
    await page.getByRole("button", { name: "From Moby Dick" }).click();
    await expect.poll(() => textarea().inputValue()).toContain("The pass key is");
    await read();
    const key = (await textarea().inputValue()).slice(-5);
    const shares = await percents();
    expect(shares.map(([memory = 0, local = 0]) => memory + local)).toEqual([100, 100, 100, 100]);
    expect(Math.max(...shares.map(([memory = 0]) => memory))).toBeGreaterThan(50);
    expect(await drawnShares()).toEqual([100, 100, 100, 100]);
    // The last token that is read before the first digit is the space.
    for (let back = 0; back < 5; back++) await selected("Tokens of the segment").press("ArrowLeft");
    await page.getByText(/, the most similar: cosine (0\.[5-9]|1\.00)/).waitFor();
    expect(await page.getByRole("blockquote").textContent()).toMatch(new RegExp(`pass key|${key.slice(0, 2)}`));
    await page.screenshot({ path: join(PICTURES, "look.png"), fullPage: true });
  }, 120_000);

  it("shows the numbers of the library", async () => {
    await textarea().fill(TEXT);
    await read();
    const looks = await looksInNode(TEXT);
    const gates = gatesOf(await loadModelFolder("models/passkey"));
    expect(await page.getByRole("cell").filter({ hasText: /\d/ }).allTextContents()).toEqual(
      gates.flat().map((gate) => gate.toFixed(2)),
    );
    await segmentSlider().fill("9");
    for (const [token, keys] of [
      [0, []],
      [63, ["End"]],
      [53, ["PageUp"]],
      [54, ["ArrowRight"]],
    ] as const) {
      for (const key of keys) await selected("Tokens of the segment").press(key);
      expect(await page.getByText(/^Token \d+, /).textContent()).toMatch(new RegExp(`^Token ${token + 1}, `));
      const expected = looks[8]?.layers.flat().map(({ memoryShare }) => 100 * (memoryShare[token] ?? 0)) ?? [];
      const shown = await percents();
      expected.forEach((share, i) => expect(Math.abs((shown[i]?.[0] ?? NaN) - share)).toBeLessThan(0.6));
    }
    await page.getByRole("radio", { name: "Layer 1, head 2" }).check();
    const cosines = looks[8]?.layers[0]?.[1]?.resemblance.map((row) => row[54] ?? 0) ?? [];
    for (const [i, option] of (await options("Earlier segments").all()).entries()) {
      const cosine = Number((await option.getAttribute("aria-label"))?.match(/-?[\d.]+$/)?.[0]);
      expect(Math.abs(cosine - (cosines[i] ?? NaN))).toBeLessThan(0.02);
    }
  }, 120_000);

  it("can be used by keyboard alone", async () => {
    await textarea().fill(TEXT);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText(/^Read, in \d+ segments\.$/).waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate<string>("document.activeElement.getAttribute('aria-label')")).toBe("Segment");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Home");
    await page.getByText(/^Token 1, /).waitFor();
    await page.keyboard.press("ArrowRight");
    await page.getByText(/^Token 2, /).waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Home");
    await page.getByText(/^Segment 1(, the most similar)?: cosine/).waitFor();
    expect(await page.getByRole("blockquote").textContent()).toBe(TEXT.slice(0, 64));
  }, 120_000);

  it("says what has no memory to show", async () => {
    await textarea().fill(TEXT);
    await read();
    await page.getByRole("radio", { name: "Layer 2, head 1" }).check();
    await page.getByText("The memory of this head gives nothing", { exact: false }).waitFor();
    await segmentSlider().fill("1");
    await page.getByText("Nothing was read before this segment.").waitFor();
    expect((await percents()).map(([memory]) => memory)).toEqual([0, 0, 0, 0]);
  }, 120_000);

  it("shows what the heads have from all that Read has read", async () => {
    const hay = "Nobody spoke of the whale. ".repeat(50);
    const [story, text] = [`${hay}${passkeySentence("41927")}\n${hay}`, `${PASSKEY_QUESTION} 41927`];
    const before = encodeText(`${PASSKEY_TASK}\n${story}`);
    expect(before.length % SEGMENT).toBeGreaterThan(0);
    await readInRead(story);
    await textarea().fill(text);
    await read();
    expect((await percents()).map(([memory]) => memory)).toEqual([0, 0, 0, 0]);
    const tokens = before.length.toLocaleString("en");
    await page.getByRole("radio", { name: `from what Read holds (${tokens} tokens)` }).check();
    await page.getByRole("button", { name: "Read and look" }).click();
    await page.getByText(`Read, in 1 segments, after ${tokens} tokens.`).waitFor();
    // The last token that is read before the first digit is the space.
    for (let back = 0; back < 5; back++) await selected("Tokens of the segment").press("ArrowLeft");
    const [look] = await looksInNode(text, before);
    const expected = look?.layers.flat().map(({ memoryShare }) => 100 * (memoryShare.at(-6) ?? 0)) ?? [];
    const shown = await percents();
    expected.forEach((share, i) => expect(Math.abs((shown[i]?.[0] ?? NaN) - share)).toBeLessThan(0.6));
    expect(Math.max(...expected)).toBeGreaterThan(50);
    await page.getByText("What Read holds cannot be divided into segments.", { exact: false }).waitFor();
    await page.screenshot({ path: join(PICTURES, "look-held.png"), fullPage: true });
  }, 120_000);

  it("cannot begin from what Read holds before it has read", async () => {
    expect(await page.getByRole("radio", { name: /^from what Read holds/ }).isDisabled()).toBe(true);
    expect(await page.getByRole("radio", { name: "from an empty memory" }).isChecked()).toBe(true);
  });

  it("says when a text is too long", async () => {
    await textarea().fill("é".repeat(2049));
    await page.getByText("The text has 4,098 bytes; it may have 4,096.").waitFor();
    expect(await page.getByRole("button", { name: "Read and look" }).isDisabled()).toBe(true);
  });

  it.each(["light", "dark"] as const)(
    "fits a phone and is accessible in %s colours",
    async (colorScheme) => {
      await page.setViewportSize({ width: 360, height: 740 });
      await page.emulateMedia({ colorScheme });
      await textarea().fill(TEXT);
      await read();
      expect(await violations(page)).toEqual([]);
      expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
      await page.screenshot({ path: join(PICTURES, `look-phone-${colorScheme}.png`), fullPage: true });
    },
    120_000,
  );
});

// --- internal ---

function textarea(): Locator {
  return page.getByRole("textbox", { name: /your own text/ });
}

function segmentSlider(): Locator {
  return page.getByRole("slider", { name: "Segment" });
}

function options(list: string): Locator {
  return page.getByRole("listbox", { name: list }).getByRole("option");
}

function selected(list: string): Locator {
  return page.getByRole("listbox", { name: list }).getByRole("option", { selected: true });
}

/** Has a text read in the view Read, and comes back. */
async function readInRead(text: string): Promise<void> {
  await page.getByRole("link", { name: "Read", exact: true }).click();
  const file = { name: "hay.txt", mimeType: "text/plain", buffer: Buffer.from(text) };
  await page.getByLabel("A text file …").setInputFiles(file);
  await page.getByRole("button", { name: "Read", exact: true }).click();
  await page.getByText("Read to the end.").waitFor();
  await page.getByRole("link", { name: "Look inside" }).click();
}

async function read(): Promise<void> {
  await page.getByRole("button", { name: "Read and look" }).click();
  await page.getByText(/^Read, in \d+ segments\.$/).waitFor();
}

/** Memory and local of each head, in percent, as they are written. */
async function percents(): Promise<number[][]> {
  const lines = await page.getByText(/^\d+ % memory, \d+ % local$/).allTextContents();
  return lines.map((line) => (line.match(/\d+/g) ?? []).map(Number));
}

/** How much of its bar both parts of each head fill, in percent. */
function drawnShares(): Promise<number[]> {
  return page.locator(".shares").evaluateAll((bars) => {
    const width = (element: unknown): number =>
      (element as { getBoundingClientRect(): { width: number } }).getBoundingClientRect().width;
    return bars.map((bar) => {
      const parts = [...(bar as unknown as { children: Iterable<unknown> }).children];
      return Math.round((100 * parts.reduce<number>((sum, part) => sum + width(part), 0)) / width(bar));
    });
  });
}

/** What the library shows of a text, on another engine; after other tokens, where newlines fill up their last segment. */
async function looksInNode(text: string, before: Int32Array = new Int32Array()): Promise<SegmentLook[]> {
  const looks: SegmentLook[] = [];
  const [loaded, engine] = [await loadModelFolder("models/passkey"), await createNodeEngine({ threads: 1 })];
  const session = createSession({ loaded, engine });
  if (before.length > 0) await session.prefill(before);
  const filling = "\n".repeat((SEGMENT - (before.length % SEGMENT)) % SEGMENT);
  const from = await session.snapshot();
  for await (const look of lookInside({ loaded, engine, from }, encodeText(filling + text))) looks.push(look);
  await session.dispose();
  return looks;
}
