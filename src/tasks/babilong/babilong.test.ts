import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BOOK, sampleOf } from "../fixtures.ts";
import { babilongTasks } from "./index.ts";

const [qa1, qa2, qa3] = babilongTasks;
const PLACES = ["bathroom", "bedroom", "garden", "hallway", "kitchen", "office"];
const FACT =
  /(John|Mary|Sandra|Daniel) (went to|journeyed to|travelled to|moved to|grabbed|took|got|dropped|put down|let go of) the (\w+)\./g;
const TAKES = ["grabbed", "took", "got"];
const DROPS = ["dropped", "put down", "let go of"];

describe.each(babilongTasks)("$name", (task) => {
  it("asks what its facts answer when read one by one", () => {
    fc.assert(
      fc.property(fc.nat(4000), fc.nat(), (more, seed) => {
        const { prompt, references, answer } = sampleOf(task, task.minBytes + more, seed);
        const { facts, question } = parse(prompt);
        expect(references).toEqual([reply(task.name, question, understand(facts))]);
        expect(answer).toBe(` ${references[0]}.`);
      }),
      { numRuns: 150 },
    );
  });

  it("states only what can happen, starting from the world of bAbI", () => {
    for (let seed = 0; seed < 60; seed++) expectPossible(parse(sampleOf(task, 3000, seed).prompt).facts);
  });

  it("puts the facts between sentences of the book, which follow on from one to the next", () => {
    for (let seed = 0; seed < 40; seed++) {
      const { context } = parse(sampleOf(task, 4000, seed).prompt);
      const parts = context.split(FACT_LINE);
      const sentences = parts.map((part) => part.trim()).filter((part) => part !== "");
      expect(plain(BOOK)).toContain(plain(sentences.join(" ")));
      for (const sentence of sentences) expect(sentence).toMatch(/^“Sentence”|^“?S?e?n?t?e?n?c?e?”?$/);
      for (const sentence of sentences.slice(0, -1)) expect(sentence).toMatch(/\.$/);
      expect(sentences.length).toBeGreaterThan(1);
    }
  });

  it("puts facts everywhere, from before the first sentence to after the last", () => {
    const places = Array.from({ length: 80 }, (_, seed) => {
      const { context } = parse(sampleOf(task, 6000, seed).prompt);
      return [...context.matchAll(FACT)].map(({ index }) => index / context.length);
    }).flat();
    for (const part of [0, 1, 2, 3]) {
      const share = places.filter((place) => place >= part / 4 && place < (part + 1) / 4).length / places.length;
      expect(share).toBeGreaterThan(0.17);
    }
  });

  it("asks for every place", () => {
    const answers = Array.from({ length: 200 }, (_, seed) => sampleOf(task, 2000, seed).references[0]);
    expect([...new Set(answers)].toSorted()).toEqual(PLACES);
  });
});

it("states two, four, six, eight or ten facts in qa1, three or more in the others", () => {
  const counts = (task = qa1): number[] =>
    Array.from({ length: 100 }, (_, seed) =>
      task ? parse(sampleOf(task, 2500, seed).prompt).facts.length : 0,
    ).toSorted((a, b) => a - b);
  expect([...new Set(counts())]).toEqual([2, 4, 6, 8, 10]);
  for (const task of [qa2, qa3]) {
    expect(counts(task)[0]).toBeGreaterThanOrEqual(3);
    expect(counts(task).at(-1)).toBeGreaterThan(20);
  }
});

it("asks in qa3 about three supporting facts: one taking, and two moves, the first of which may come before it", () => {
  const orders = Array.from({ length: 100 }, (_, seed) => {
    const { facts, question } = parse(qa3 ? sampleOf(qa3, 2500, seed).prompt : "");
    const thing = /Where was the (\w+) before/.exec(question)?.[1] ?? "";
    const [before = [], last = []] = understand(facts).support[thing]?.slice(-2) ?? [];
    const support = [...new Set([...before, ...last])].toSorted((a, b) => a - b);
    expect(support.length).toBe(3);
    return support.map((i) => (TAKES.includes(facts[i]?.[1] ?? "") ? "take" : "move")).join(" ");
  });
  expect([...new Set(orders)].toSorted()).toEqual(["move take move", "take move move"]);
});

it.each([
  [" kitchen.", 1],
  [" The Kitchen, of course. Or the garden.", 1],
  [" kitchen\nQuestion: Where is the garden", 1],
  [" kitchen or garden.", 0],
  [" garden.", 0],
  [" kitche", 0],
  ["", 0],
  [".", 0],
])("scores %j for the kitchen: %i", (answer, score) => {
  expect(qa1?.score(answer, ["kitchen"])).toBe(score);
});

// --- internal ---

type Fact = readonly [actor: string, verb: string, object: string];

const FACT_LINE = new RegExp(FACT.source.replaceAll(/\((?!\?)/g, "(?:"));

function plain(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}

function parse(prompt: string): { context: string; facts: Fact[]; question: string } {
  const [, context = "", question = ""] = /^([^]*)\nQuestion: ([^\n]*)\nAnswer:$/.exec(prompt) ?? [];
  const facts = [...context.matchAll(FACT)].map(([, actor = "", verb = "", object = ""]): Fact => [
    actor,
    verb,
    object,
  ]);
  return { context, facts, question };
}

/** What a reader who starts with nothing knows: where people are, who holds what, and where things have been. */
interface Known {
  readonly people: Record<string, string>;
  readonly held: Record<string, string>;
  readonly been: Record<string, string[]>;
  /** The facts that support each place of `been`: the taking of the thing and the move of its holder. */
  readonly support: Record<string, number[][]>;
}

function understand(facts: readonly Fact[]): Known {
  const known: Known = { people: {}, held: {}, been: {}, support: {} };
  const latest: Record<string, number> = {}; // the fact of the last move of a person, and of the last taking of a thing
  facts.forEach(([actor, verb, object], i) => {
    if (TAKES.includes(verb)) [known.held[object], latest[object]] = [actor, i];
    else if (DROPS.includes(verb)) delete known.held[object];
    else [known.people[actor], latest[actor]] = [object, i];
    for (const [thing, holder] of Object.entries(known.held)) {
      const [been, support] = [(known.been[thing] ??= []), (known.support[thing] ??= [])];
      const place = known.people[holder];
      if (place === undefined || place === been.at(-1)) continue;
      been.push(place);
      support.push([latest[thing] ?? -1, latest[holder] ?? -1]);
    }
  });
  return known;
}

function reply(task: string, question: string, { people, held, been }: Known): string | undefined {
  if (task.endsWith("qa1")) return people[/^Where is (\w+)\?$/.exec(question)?.[1] ?? ""];
  if (task.endsWith("qa2")) return people[held[/^Where is the (\w+)\?$/.exec(question)?.[1] ?? ""] ?? ""];
  const [, thing = "", last = ""] = /^Where was the (\w+) before the (\w+)\?$/.exec(question) ?? [];
  expect(been[thing]?.at(-1)).toBe(last);
  return been[thing]?.at(-2);
}

/** Plays the facts in the actual world, which the reader does not see. */
function expectPossible(facts: readonly Fact[]): void {
  const at: Record<string, string> = { John: "kitchen", Mary: "bedroom", Sandra: "garden", Daniel: "hallway" };
  Object.assign(at, { apple: "kitchen", football: "garden", milk: "kitchen" });
  for (const [actor, verb, object] of facts) {
    if (TAKES.includes(verb)) {
      expect(at[object]).toBe(at[actor]);
      at[object] = actor;
    } else if (DROPS.includes(verb)) {
      expect(at[object]).toBe(actor);
      at[object] = at[actor] ?? "";
    } else {
      expect(PLACES).toContain(object);
      expect(at[actor]).not.toBe(object);
      at[actor] = object;
    }
  }
}
