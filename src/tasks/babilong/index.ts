import type { Rng } from "../../base/random.ts";
import { bookSentences } from "../../text/book-text.ts";
import { checkBytes, type RecallTask } from "../recall.ts";
import { LOCATIONS, singleFactStory, threeFactStory, twoFactStory, type Story } from "./story.ts";

/**
 * The first three tasks of BABILong (arXiv 2406.10149, booydar/babilong): the facts of a bAbI story stand in order
 * between the sentences of a book. Differences: stories are generated rather than read from a file; the prompt has no
 * instruction and no solved example, since models here are trained to it, not instructed.
 */
export const babilongTasks: readonly RecallTask[] = [
  babilongTask("babilong_qa1", 128, singleFactStory),
  babilongTask("babilong_qa2", 384, twoFactStory),
  babilongTask("babilong_qa3", 512, threeFactStory),
];

// --- internal ---

/** Shorter sentences of the book are left out: the definition's 10 tokens at four bytes. */
const SHORTEST_SENTENCE = 40;

function babilongTask(name: string, minBytes: number, tell: (rng: Rng) => Story): RecallTask {
  return {
    name,
    version: 1,
    answerBytes: Math.max(...LOCATIONS.map((location) => writeAnswer(location).length)),
    readsText: true,
    minBytes,
    sample({ bytes, rng, text }) {
      checkBytes({ name, minBytes }, bytes);
      const { facts, question, answer } = fittingStory(tell, bytes, rng);
      const room = bytes - storyLength({ facts, question, answer });
      const sentences = bookSentences(text, { length: room, windowLength: bytes, shortest: SHORTEST_SENTENCE });
      const context = scatter(facts, sentences, rng).trim();
      return { prompt: context + writeQuestion(question), references: [answer], answer: writeAnswer(answer) };
    },
    score: scoreLocation,
  };
}

function writeQuestion(question: string): string {
  return `\nQuestion: ${question}\nAnswer:`;
}

function writeAnswer(location: string): string {
  return ` ${location}.`;
}

/** Bytes of a story with nothing between its facts, each of which has a space before it. */
function storyLength({ facts, question }: Story): number {
  return facts.reduce((sum, fact) => sum + fact.length + 1, 0) + writeQuestion(question).length;
}

/** As in the original, stories that are too long are left out. */
function fittingStory(tell: (rng: Rng) => Story, bytes: number, rng: Rng): Story {
  for (;;) {
    const story = tell(rng);
    if (storyLength(story) <= bytes) return story;
  }
}

/** Each fact before a sentence or at the end, all places equally likely, and several at one place allowed. */
function scatter(facts: readonly string[], sentences: readonly string[], rng: Rng): string {
  const places = facts.map(() => rng.integer(sentences.length + 1)).toSorted((a, b) => a - b);
  const parts = Array.from({ length: sentences.length + 1 }, (): string[] => []);
  facts.forEach((fact, i) => parts[places[i] ?? 0]?.push(` ${fact}`));
  return parts.flatMap((here, i) => [...here, sentences[i] ?? ""]).join("");
}

/**
 * 1 where the first sentence of the answer names the location asked for and no other, as the original's
 * `compare_answers` (babilong/metrics.py); an end of line ends the sentence too. The original overlooks a location
 * that the question names; here it counts as a wrong one.
 */
function scoreLocation(answer: string, references: readonly string[]): number {
  const sentence = answer.toLowerCase().split(/[.\n]/)[0] ?? "";
  const named = LOCATIONS.filter((location) => sentence.includes(location));
  return named.length === 1 && named.every((location) => references.includes(location)) ? 1 : 0;
}
