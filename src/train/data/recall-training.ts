import { z } from "zod";
import type { Tokens } from "../../text/document.ts";
import { pick } from "../../tasks/draw.ts";
import type { SequenceSource, Task } from "../../tasks/task.ts";
import { placeExchanges, type Exchange } from "../../tasks/placement.ts";
import { checkRecallLength, fitRecall, shortestRecall } from "../../tasks/fit.ts";
import type { RecallTask } from "../../tasks/recall.ts";
import { RECALL_NAMES, recallTasksOf } from "../../tasks/recall-tasks.ts";

const weight = z.number().nonnegative();
const schema = z.strictObject({
  task: z.literal("recall"),
  share: weight,
  /** Tasks or groups of them, such as `niah_single_1` or `ruler`; each prompt is of one, drawn evenly. */
  names: z.array(z.enum(RECALL_NAMES)).min(1),
  /** Prompts in a sequence, one right after the other. */
  prompts: z.int().positive().default(1),
  /** Shortest prompt; shorter ones than there is room for follow on running text. Default: all the room. */
  minLength: z.int().positive().optional(),
  /** Loss weight of the answers. */
  answerWeight: weight.default(1),
  /** Loss weight of every other token. */
  textWeight: weight.default(1),
  /** Most tokens that follow on the last answer, as far as there is room; the number is drawn each time. */
  maxTrailing: z.int().nonnegative().default(64),
});

/** Trains the memory on recall tasks; prompts and their answers stand at the end of the sequence. */
export const recallTask: Task<typeof schema> = {
  schema,
  readsText: () => true,
  writesText: true,

  draw(part, source) {
    const { length, rng, tokenizer, tokens } = source;
    const { prompts, maxTrailing, answerWeight, textWeight } = part;
    const tasks = recallTasksOf(part.names);
    const room = Math.floor((length + 1) / prompts);
    const sizes = tasks.map((task) => shortestRecall(task, tokenizer));
    tasks.forEach((task, i) => checkRecallLength(task, room - (sizes[i]?.answer ?? 0), tokenizer));
    const needed = prompts * Math.max(...sizes.map(({ prompt, answer }) => prompt + answer));
    const trailing = rng.integer(Math.min(maxTrailing, length + 1 - needed) + 1);
    const slot = Math.floor((length + 1 - trailing) / prompts);
    const exchanges = Array.from({ length: prompts }, () =>
      drawExchange(pick(tasks, rng), slot, part.minLength, source),
    );
    const filler = (size: number): Tokens => (size > 0 ? tokens(size, rng) : new Uint8Array());
    return placeExchanges(exchanges, { length, trailing, filler, answerWeight, textWeight });
  },
};

// --- internal ---

/** A prompt and its answer in at most `slot` tokens. */
function drawExchange(task: RecallTask, slot: number, minLength: number | undefined, source: SequenceSource): Exchange {
  const least = shortestRecall(task, source.tokenizer);
  const longest = slot - least.answer;
  const shortest = Math.min(longest, Math.max(least.prompt, minLength ?? longest));
  const length = longest - source.rng.integer(longest - shortest + 1);
  return fitRecall(task, { ...source, length, answerRoom: least.answer });
}
