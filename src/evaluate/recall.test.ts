import { describe, expect, it } from "vitest";
import { encodeText } from "../text/bytes.ts";
import { BOOK } from "../tasks/fixtures.ts";
import { recallTasksOf } from "../tasks/recall-tasks.ts";
import { fakeSession } from "./fixtures.ts";
import { evaluateRecall, type RecallOptions, type RecallRow } from "./recall.ts";

const options: RecallOptions = {
  tasks: recallTasksOf(["niah_single_1", "niah_multivalue"]),
  lengths: [700, 900],
  samples: 4,
  seed: 1,
  book: Uint8Array.from(encodeText(BOOK.replaceAll(/[“”]/g, "'"))),
};

describe("evaluateRecall", () => {
  it("scores a session that always knows as right, in every row", async () => {
    const rows = await evaluateRecall(fakeSession(2, knows), options);
    expect(rows.map(({ task, version, length }) => [task, version, length])).toEqual([
      ["niah_single_1", 1, 700],
      ["niah_single_1", 1, 900],
      ["niah_multivalue", 1, 700],
      ["niah_multivalue", 1, 900],
    ]);
    for (const row of rows) {
      expect(row).toMatchObject({ samples: 4, score: 1, exact: 1, standardError: 0 });
      expect(row.tokensPerSecond).toBeCloseTo((4 * row.length) / row.seconds, 6);
    }
  });

  it("scores a session that knows nothing as wrong", async () => {
    const rows = await evaluateRecall(
      fakeSession(2, () => " 12."),
      options,
    );
    for (const row of rows) expect(row).toMatchObject({ score: 0, exact: 0, standardError: 0 });
  });

  it("gives the mean of the scores, its standard error and the share of full ones", async () => {
    const half = (text: string, asked: number): string =>
      asked % 4 === 0 ? knows(text) : knows(text).split(", ").slice(0, 2).join(", ");
    const [row] = await evaluateRecall(fakeSession(1, half), {
      ...options,
      tasks: recallTasksOf(["niah_multivalue"]),
      lengths: [700],
    });
    expect(row).toMatchObject({ score: 0.625, exact: 0.25 });
    expect(row?.standardError).toBeCloseTo(Math.sqrt((0.375 ** 2 + 3 * 0.125 ** 2) / 3 / 4), 12);
  });

  it("scores exactly as many prompts as requested, though lanes are left over", async () => {
    const session = fakeSession(4, (text, asked, lane) => (asked === 1 && lane >= 2 ? "none" : knows(text)));
    const [row] = await evaluateRecall(session, { ...options, lengths: [700], samples: 6 });
    expect(row).toMatchObject({ samples: 6, score: 1 });
  });

  it("asks prompts of exactly the length, after empty lines or text of the book", async () => {
    const read = await promptsRead(1, options);
    expect(read.map((text) => encodeText(text).length)).toEqual([700, 900, 700, 900].flatMap((n) => Array(4).fill(n)));
    for (const text of read.slice(0, 8)) expect(text).toMatch(/^\n*A special/);
    for (const text of read.slice(8)) expect(text).not.toMatch(/^\n/);
    const short = Uint8Array.from(encodeText("Call me Ishmael, and be done. So it is. "));
    for (const text of await promptsRead(1, { ...options, book: short }))
      expect(text).toMatch(/Ishmael|The grass is green/);
  });

  it("asks the same prompts for any number of lanes, and others for another seed", async () => {
    const one = await promptsRead(1, options);
    expect(new Set(one).size).toBe(16);
    expect((await promptsRead(4, options)).toSorted()).toEqual(one.toSorted());
    const other = await promptsRead(1, { ...options, seed: 2 });
    expect(other.filter((prompt) => one.includes(prompt))).toEqual([]);
  });

  it("reports each row, and all tokens at the end, never going backwards", async () => {
    const seen: [number, number][] = [];
    const told: RecallRow[] = [];
    const rows = await evaluateRecall(fakeSession(3, knows), {
      ...options,
      onProgress: (done, total) => seen.push([done, total]),
      onRow: (row) => told.push(row),
    });
    const total = 2 * 2 * (700 + 900);
    expect(told).toEqual(rows);
    expect(seen.at(-1)).toEqual([total, total]);
    expect(seen.every(([done, of], i) => of === total && done >= (seen[i - 1]?.[0] ?? 0))).toBe(true);
  });

  it("refuses a length without room and a task without its book before anything is read", async () => {
    const session = fakeSession(1, knows);
    await expect(evaluateRecall(session, { ...options, lengths: [700, 500] })).rejects.toThrow(
      /^niah_multivalue needs at least \d+ tokens, got 500$/,
    );
    await expect(evaluateRecall(session, { ...options, book: undefined })).rejects.toThrow(
      "niah_multivalue needs a book to read",
    );
    expect(session.calls.prefill).toBe(0);
  });
});

// --- internal ---

/** The values that a prompt hides. */
function knows(text: string): string {
  return ` ${[...text.matchAll(/ is: (\d{7})\./g)].map(([, value]) => value).join(", ")}.`;
}

/** Every prompt that a session with this many lanes was asked. */
async function promptsRead(batch: number, asked: RecallOptions): Promise<string[]> {
  const prompts: string[] = [];
  const listen = (text: string): string => {
    prompts.push(text);
    return "none";
  };
  await evaluateRecall(fakeSession(batch, listen), asked);
  return prompts;
}
