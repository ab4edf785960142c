import { beforeAll, describe, expect, it } from "vitest";
import { launchBrowser, NO_BROWSER, SOFTWARE_GPU } from "./chromium.ts";
import { bundleScript, PAGE } from "./page-script.ts";
import { serveSite, type Site } from "./serve.ts";
import type { TestResult } from "./tiny-vitest.ts";

describe.skipIf(NO_BROWSER !== undefined)(`the engine in a browser${NO_BROWSER ? `: ${NO_BROWSER}` : ""}`, () => {
  let script = "";
  beforeAll(async () => {
    script = await bundleScript("test/browser/engine-page.ts", { vitest: "./test/browser/tiny-vitest.ts" });
  });

  it.each([
    ["with threads", true],
    ["without cross-origin isolation, on one thread", false],
  ])(
    "passes the suite %s",
    async (_, isolated) => {
      const { results, threads, problems } = await inPage({ script, isolated, device: "wasm", tolerance: 1e-5 });
      expectAllPassed(results);
      expect(threads).toBe(isolated);
      expect(problems).toEqual([]);
    },
    180_000,
  );

  it.skipIf(process.platform !== "linux")(
    "passes the suite on WebGPU, without a graphics card",
    async () => {
      const options = { script, isolated: true, device: "webgpu", tolerance: 1e-4, flags: SOFTWARE_GPU };
      expectAllPassed((await inPage(options)).results);
    },
    600_000,
  );

  it.skipIf(process.platform !== "linux").each([
    ["wasm, without WebGPU", "wasm", "delete Navigator.prototype.gpu"],
    ["wasm, without a graphics card", "wasm", ""],
    [
      "wasm, where no adapter is given",
      "wasm",
      'GPU.prototype.requestAdapter = () => Promise.reject(new Error("none"))',
    ],
    ["webgpu, with one", "webgpu", HARDWARE],
    ["wasm, with one that gives no device", "wasm", `${HARDWARE}; GPUAdapter.prototype.requestDevice = ${FAIL}`],
    ["wasm, with one that computes nothing", "wasm", `${HARDWARE}; GPUQueue.prototype.submit = ${FAIL}`],
    ["wasm, with one that computes wrongly", "wasm", `${HARDWARE}; GPUQueue.prototype.submit = () => {}`],
  ])(
    "chooses %s",
    async (_, device, before) => {
      const [site, browser] = [await serveEngine(script, true), await launchBrowser(SOFTWARE_GPU)];
      try {
        const page = await browser.newPage();
        await page.addInitScript(before);
        await page.goto(site.url);
        expect(await page.evaluate<string>("chosenDevice()")).toBe(device);
      } finally {
        await browser.close();
        await site.close();
      }
    },
    60_000,
  );
});

// --- internal ---

/** Has the adapter in software pass for a graphics card. */
const HARDWARE = 'Object.defineProperty(GPUAdapterInfo.prototype, "isFallbackAdapter", { get: () => false })';

const FAIL = '() => { throw new Error("lost") }';

function serveEngine(script: string, isolated: boolean): Promise<Site> {
  return serveSite({
    files: { "/": PAGE, "/page.js": script },
    folders: { "/ort/": "node_modules/onnxruntime-web/dist" },
    isolated,
  });
}

interface PageOptions {
  readonly script: string;
  readonly isolated: boolean;
  readonly device: string;
  readonly tolerance: number;
  readonly flags?: readonly string[];
}

interface PageReport {
  readonly results: readonly TestResult[];
  /** Whether the runtime has workers of its own. */
  readonly threads: boolean;
  readonly problems: readonly string[];
}

async function inPage({ script, isolated, device, tolerance, flags }: PageOptions): Promise<PageReport> {
  const site = await serveEngine(script, isolated);
  const browser = await launchBrowser(flags);
  try {
    const page = await browser.newPage();
    await page.goto(site.url);
    const results = await page.evaluate<TestResult[]>(`runEngineSuite("${device}", ${tolerance})`);
    return { results, threads: page.workers().length > 0, problems: browser.problems };
  } finally {
    await browser.close();
    await site.close();
  }
}

function expectAllPassed(results: readonly TestResult[]): void {
  expect(results.filter(({ error }) => error !== undefined)).toEqual([]);
  expect(results.length).toBeGreaterThan(200);
}
