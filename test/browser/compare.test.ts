import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { at, comparisonOf } from "../../lab/compare/fixtures.ts";
import { parseComparison, type Comparison } from "../../lab/compare/index.ts";
import { violations } from "./actions.ts";
import { openApplication, openView, PICTURES, type Application } from "./application.ts";
import { NO_BROWSER } from "./chromium.ts";

let application: Application;
let page: Page;
/** The comparisons of the project, by the names of their files. */
let shipped: Comparison[];

describe.skipIf(NO_BROWSER !== undefined)(`the view Compare${NO_BROWSER ? `: ${NO_BROWSER}` : ""}`, () => {
  beforeAll(async () => {
    application = await openApplication();
    shipped = await shippedComparisons();
  }, 120_000);

  beforeEach(async () => {
    page = await openView(application, "Compare", 30_000);
    await comparison().waitFor();
  });

  afterEach(async () => {
    await page.close();
    expect(application.browser.problems).toEqual([]);
  });

  afterAll(() => application?.close());

  it("has the systems of the project's own comparisons, and a dash where a value is missing", async () => {
    for (const { title, systems } of shipped) {
      await page.getByRole("button", { name: title, exact: true }).click();
      expect(await cellsOf("System")).toEqual(systems.map(({ label }) => label));
      const means = systems.map(({ bitsPerByte }) => bitsPerByte.mean.toFixed(3));
      expect((await cellsOf("Bits per byte")).map((cell) => cell.split(" ± ")[0])).toEqual(means);
      const unknown = systems.map(({ residentBytes }) => residentBytes === undefined);
      expect((await cellsOf("Resident in training")).map((cell) => cell === "–")).toEqual(unknown);
    }
    await page.getByRole("button", { name: at(shipped, 0).title, exact: true }).click();
    await page.screenshot({ path: join(PICTURES, "compare.png"), fullPage: true });
  });

  it("takes any list of systems, however long, and with seeds", async () => {
    const many = await comparisonOfMany(24);
    await drop("compare-many.json", JSON.stringify(many));
    await page.getByRole("button", { name: "compare-many.json", pressed: true }).waitFor();
    expect(await cellsOf("System")).toEqual(many.systems.map(({ label }) => label));
    expect(await cellsOf("Bits per byte")).toEqual(many.systems.map(() => "2.100 ± 0.100"));
    const plot = page.getByRole("region", { name: /bits per byte by position/ });
    expect(await plot.getByRole("list", { name: "Lines" }).getByRole("button").count()).toBe(24);
    const colours = await plot.getByRole("button").evaluateAll(coloursOf);
    expect(new Set(colours).size).toBe(24);
  });

  it("sorts by a column and back, by keyboard too, what is not known last", async () => {
    const column = page.getByRole("columnheader", { name: "Compression" });
    const values = async (): Promise<number[]> =>
      (await cellsOf("Compression")).map((cell) => (cell === "–" ? Infinity : Number.parseFloat(cell)));
    await column.getByRole("button").click();
    expect(await column.getAttribute("aria-sort")).toBe("ascending");
    const rising = await values();
    expect(rising).toEqual(rising.toSorted((a, b) => a - b));
    await column.getByRole("button").press("Enter");
    expect(await column.getAttribute("aria-sort")).toBe("descending");
    const falling = await values();
    const known = falling.filter(Number.isFinite);
    expect(known).toEqual(known.toSorted((a, b) => b - a));
    expect(falling.slice(known.length).every((value) => value === Infinity)).toBe(true);
  });

  it("draws plots whose lines can be taken away", async () => {
    const plot = page.getByRole("region", { name: /bits per byte by position/ });
    const drawing = (): Promise<string> => drawingOf(plot.locator("canvas"));
    const all = await drawing();
    const line = plot.getByRole("button", { name: at(at(shipped, 0).systems, 0).label, exact: true });
    await line.click();
    expect(await line.getAttribute("aria-pressed")).toBe("false");
    await expect.poll(drawing).not.toBe(all);
    await line.click();
    await expect.poll(drawing).toBe(all);
    const table = plot.getByRole("region", { name: "Bits per byte by position" });
    expect(await table.isVisible()).toBe(false);
    await plot.getByText("As a table").click();
    expect(await table.getByRole("columnheader").allTextContents()).toContain("1K to 4K");
  });

  it("has pass keys, facts, RULER and memory", async () => {
    const passkeys = page.getByRole("region", { name: "Pass keys: in moby dick" });
    expect(await passkeys.getByRole("columnheader").allTextContents()).toEqual([
      "memory",
      "key",
      "32,768",
      "131,072",
      "262,144",
      "524,288",
      "1,048,576",
    ]);
    expect(await passkeys.getByRole("row").last().textContent()).toContain("1.00 ± .00 (1.00 ± .00)");
    for (const name of [/^Accuracy against the number of facts/, /^Accuracy against distance/]) {
      const lines = page.getByRole("region", { name }).getByRole("list").getByRole("button");
      expect(await lines.allTextContents()).toEqual(
        expect.arrayContaining([expect.stringContaining("token-delta"), expect.stringContaining("window")]),
      );
    }
    expect(await page.getByRole("region", { name: "Scores of RULER" }).getByRole("row").last().textContent()).toMatch(
      /^mean/,
    );
    expect(await page.getByRole("region", { name: "Memory and speed over lengths" }).textContent()).toContain("332 kB");
  });

  it("shows a comparison of the user's that is dropped, and goes back", async () => {
    const own = await comparisonOf({ local: 3, "infini-linear": 2 });
    await drop("compare-mine.json", JSON.stringify(own));
    await page.getByRole("button", { name: "compare-mine.json", pressed: true }).waitFor();
    expect(await cellsOf("Bits per byte")).toEqual(["3.000", "2.100 ± 0.100"]);
    await page.getByRole("button", { name: at(shipped, 0).title, exact: true }).click();
    expect(await cellsOf("System")).toHaveLength(at(shipped, 0).systems.length);
  });

  it.each([
    ["notes.json", "no json", /^notes\.json: is not JSON/],
    ["ruler.json", "{}", /^ruler\.json: is not a comparison/],
    ["old.json", '{"systems": [], "suite": 3}', /^old\.json: suite: .*expected string/],
  ])("says what is wrong with %s, and goes on showing what it had", async (name, text, problem) => {
    await page
      .getByLabel("A comparison of yours")
      .setInputFiles({ name, mimeType: "application/json", buffer: Buffer.from(text) });
    expect(await page.getByRole("alert").textContent()).toMatch(problem);
    expect(await cellsOf("System")).toHaveLength(at(shipped, 0).systems.length);
  });

  it("shows what there is where files are missing", async () => {
    await page.route(/assets\/(passkey|facts|compare)-.*\.json/, (route) => route.fulfill({ json: {} }));
    await page.reload();
    await page.getByText("There is no comparison yet.").waitFor();
    await page.getByRole("region", { name: "Scores of RULER" }).waitFor();
    expect(await page.getByText("Pass keys, over lengths").count()).toBe(0);
    expect(await page.getByRole("alert").count()).toBe(0);
  });

  it.each(["light", "dark"] as const)("is accessible in %s colours, and fits a phone", async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width: 360, height: 740 });
    for (const summary of await page.getByText("As a table").all()) await summary.click();
    expect(await violations(page)).toEqual([]);
    expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
    await page.screenshot({ path: join(PICTURES, `compare-phone-${colorScheme}.png`), fullPage: true });
  });
});

// --- internal ---

interface Styled {
  readonly style: { getPropertyValue(name: string): string };
}

function coloursOf(buttons: readonly unknown[]): string[] {
  return buttons.map((button) => (button as Styled).style.getPropertyValue("--line-colour"));
}

async function shippedComparisons(): Promise<Comparison[]> {
  const names = (await readdir("results")).filter((name) => /^compare-.*\.json$/.test(name)).toSorted();
  return Promise.all(
    names.map(async (name) => parseComparison(JSON.parse(await readFile(join("results", name), "utf8")), name)),
  );
}

/** A comparison of systems that nobody has heard of. */
async function comparisonOfMany(count: number): Promise<Comparison> {
  const one = await comparisonOf({ "infini-linear": 2 });
  const system = at(one.systems, 0);
  const systems = Array.from({ length: count }, (_, i) => ({ ...system, name: `new-${i}`, label: `New memory ${i}` }));
  return { ...one, systems };
}

function comparison(): Locator {
  return page.getByRole("region", { name: "Comparison of systems" });
}

/** The cells of a column of the comparison, from top to bottom. */
async function cellsOf(column: string): Promise<string[]> {
  const heads = await comparison().getByRole("columnheader").allTextContents();
  const rows = await comparison().locator("tbody tr").all();
  return Promise.all(
    rows.map(async (row) => (await row.locator("th, td").nth(heads.indexOf(column)).textContent()) ?? ""),
  );
}

/** What is drawn on a canvas. */
function drawingOf(canvas: Locator): Promise<string> {
  return canvas.evaluate((element) => (element as unknown as { toDataURL(): string }).toDataURL());
}

/** Drops a file on the view, as from a file manager. */
async function drop(name: string, text: string): Promise<void> {
  const dataTransfer = await page.evaluateHandle(`(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([${JSON.stringify(text)}], "${name}"));
    return transfer;
  })()`);
  await page.getByRole("region", { name: "Kinds of memory, side by side" }).dispatchEvent("drop", { dataTransfer });
}
