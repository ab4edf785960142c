import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { createNodeEngine } from "../../../src/engine/ort/ort-node.ts";
import { launchBrowser, NO_BROWSER, residentBytes } from "../../../test/browser/chromium.ts";
import { bundleScript, PAGE } from "../../../test/browser/page-script.ts";
import { serveSite } from "../../../test/browser/serve.ts";
import type { Benchmark, Contest, Contestant, Setup } from "../lib/measure.ts";
import { readTo, trainNano, warmSession } from "../lib/portable.ts";
import { memory, SPEED } from "../lib/quantities.ts";
import { loadShippedModel, REPOSITORY } from "../lib/shipped-model.ts";

/** The same work in Node and in Chromium. */
export const browser: Benchmark = {
  name: "browser",
  about:
    "Reading with the shipped model in one lane, and training the `nano` preset, in Node and in a page in Chromium on WebAssembly: with all cores, and with one thread, as on hosts that do not isolate the page. The memory is the resident memory of the process of the page, including Chromium's own part. Left out where there is no Chromium.",
  contests: (setup) => (NO_BROWSER ? [speeds(setup)] : [speeds(setup), size(setup)]),
};

// --- internal ---

/** Tokens read and steps trained per turn. */
const WORK = { tokens: 65_536, steps: 20 };
const QUICK_WORK = { tokens: 128, steps: 1 };

function speeds({ quick }: Setup): Contest {
  const work = quick ? QUICK_WORK : WORK;
  const threads = `${availableParallelism()} threads`;
  return {
    title: "Reading with the shipped model, and training nano",
    quantities: { speed: { ...SPEED, label: "reading" }, training: { ...SPEED, label: "training" } },
    contestants: async () => [
      await inNode(`Node, ${threads}`, availableParallelism(), work),
      await inNode("Node, one thread", 1, work),
      ...(NO_BROWSER
        ? []
        : [await inPage(`Chromium, ${threads}`, true, work), await inPage("Chromium, one thread", false, work)]),
    ],
  };
}

/** Both memory readings in one turn, so that they belong to the same stream. */
function size({ quick }: Setup): Contest {
  const [few, many] = quick ? [64, 128] : [100_000, 1_000_000];
  return {
    title: "Memory of the page while it reads",
    quantities: {
      few: memory(`after ${few.toLocaleString("en-US")} tokens`),
      many: memory(`after ${many.toLocaleString("en-US")} tokens`),
    },
    contestants: async () => [await reader(few, many)],
  };
}

async function inNode(name: string, threads: number, { tokens, steps }: typeof WORK): Promise<Contestant> {
  const engine = await createNodeEngine({ threads });
  const session = await warmSession(await loadShippedModel(), engine);
  return {
    name,
    async measure() {
      await session.reset();
      return { speed: await readTo(session, tokens), training: await trainNano(engine, steps) };
    },
    stop: () => session.dispose(),
  };
}

async function inPage(name: string, isolated: boolean, { tokens, steps }: typeof WORK): Promise<Contestant> {
  const { page, close } = await openPage(isolated);
  const ask = (what: string): Promise<number> => page.evaluate<number>(`work.${what}`);
  return {
    name,
    measure: async () => ({ speed: await ask(`readTo(${tokens}, true)`), training: await ask(`trainNano(${steps})`) }),
    stop: close,
  };
}

async function reader(few: number, many: number): Promise<Contestant> {
  const { page, bytes, close } = await openPage(true);
  const bytesAt = async (position: number, fromStart: boolean): Promise<number> => {
    await page.evaluate(`work.readTo(${position}, ${fromStart})`);
    return bytes();
  };
  return {
    name: "Chromium",
    measure: async () => ({ few: await bytesAt(few, true), many: await bytesAt(many, false) }),
    stop: close,
  };
}

interface Opened {
  readonly page: Page;
  /** Its memory use. */
  bytes(): Promise<number>;
  close(): Promise<void>;
}

async function openPage(isolated: boolean): Promise<Opened> {
  const site = await serveSite({
    files: { "/": PAGE, "/page.js": await bundleScript(join(REPOSITORY, "lab/bench/children/browser-page.ts")) },
    folders: {
      "/ort/": join(REPOSITORY, "node_modules/onnxruntime-web/dist"),
      "/model/": join(REPOSITORY, "models/passkey"),
    },
    isolated,
  });
  const chromium = await launchBrowser();
  const page = await chromium.newPage();
  await page.goto(site.url);
  await page.waitForFunction("globalThis.work !== undefined");
  return {
    page,
    bytes: () => residentBytes(chromium),
    async close() {
      await chromium.close();
      await site.close();
    },
  };
}
