/* A page that reads and trains; bundled and opened by browser.ts. */
import { createWebEngine, fetchModelFolder } from "../../../src/platform/web/index.ts";
import { readTo, trainNano, warmSession } from "../lib/portable.ts";

/** What the page can be asked to do. */
export interface BrowserWork {
  /** Reads on to a position from the current one, or from the start; tokens per second. */
  readTo(position: number, fromStart: boolean): Promise<number>;
  trainNano(steps: number): Promise<number>;
}

declare global {
  var work: BrowserWork;
}

const { href } = (globalThis as unknown as { location: { href: string } }).location;
const engine = await createWebEngine({ device: "wasm", assets: "/ort/" });
const session = await warmSession(await fetchModelFolder(new URL("/model/", href)), engine);

globalThis.work = {
  readTo: async (position, fromStart) => {
    if (fromStart) await session.reset();
    return readTo(session, position);
  },
  trainNano: (steps) => trainNano(engine, steps),
};
