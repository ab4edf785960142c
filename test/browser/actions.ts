import type { Page } from "playwright-core";

/* What tests of several views do with a page. */

export interface TextFile {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

/** A script: the files that are kept for `/a/page/`, by their paths and hashes. */
export const KEPT_FILES = `caches.keys()
  .then((names) => Promise.all(names.map((name) => caches.open(name).then((cache) => cache.keys()))))
  .then((requests) => requests.flat().map(({ url }) => url.replace(/^.*\\/a\\/page\\//, "")))`;

/** Has a text read with a key in it, and asks for that. */
export async function findKey(page: Page, file: TextFile, key: string): Promise<void> {
  await page.getByText(/ parameters, /).waitFor();
  await page.getByLabel("A text file …").setInputFiles(file);
  await page.getByLabel("The key", { exact: true }).fill(key);
  await page.getByRole("slider").press("Enter");
  await page.getByRole("button", { name: "Read", exact: true }).click();
  await page.getByText("Read to the end.").waitFor();
  await page.getByRole("button", { name: "What is the pass key?" }).click();
  await page.getByText(/^Right, /).waitFor();
}

/** What is not accessible, as axe sees it. */
export async function violations(page: Page): Promise<string[]> {
  await page.addScriptTag({ path: "node_modules/axe-core/axe.min.js" });
  return page.evaluate<string[]>(
    "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`))",
  );
}
