import { OptionError } from "../base/errors.ts";
import { mqarExample, mqarProblem, NO_LABEL, type MqarExample, type MqarShape, type MqarSize } from "../tasks/mqar.ts";
import { mostLikely } from "../runtime/sampler.ts";
import type { Session } from "../runtime/session.ts";
import { createRng } from "../base/random.ts";
import { mean, standardError } from "../base/statistics.ts";

/** The recall of one number of pairs over one distance. */
export interface MqarRow extends MqarSize {
  /** Tokens of filler between pairs and queries, besides those of `length`. */
  readonly distance: number;
  readonly samples: number;
  /** Share of the queries that are answered with their value. */
  readonly accuracy: number;
  /** Of `accuracy`, over the sequences. */
  readonly standardError: number;
  /** Share of the sequences in which every query is answered. */
  readonly exact: number;
  readonly seconds: number;
  /** Over all lanes. */
  readonly tokensPerSecond: number;
}

export interface MqarEvaluation extends Omit<MqarShape, keyof MqarSize | "distance"> {
  /** Number of pairs in each size. */
  readonly pairs: readonly number[];
  /** Tokens of a sequence without the filler: one for each of `pairs`, or one for all. */
  readonly lengths: readonly number[];
  /** Tokens of filler between pairs and queries, added to the length; every size at each. Default: none. */
  readonly distances?: readonly number[];
  /** Sequences in a row. */
  readonly samples: number;
  readonly seed: number;
  /** Called with the tokens done and the total of all rows. */
  onProgress?(doneTokens: number, totalTokens: number): void;
  /** Called after each row. */
  onRow?(row: MqarRow): void;
}

/**
 * Multi-query associative recall, several sequences side by side in the lanes of the session. An answer is the
 * most likely of all tokens. Throws `OptionError`, before anything is read, for sizes that do not exist or a
 * vocabulary larger than that of the model.
 */
export async function evaluateMqar(session: Session, options: MqarEvaluation): Promise<MqarRow[]> {
  const shapes = shapesOf(session, options);
  const rounds = Math.ceil(options.samples / session.batch);
  const total = shapes.reduce((sum, { length }) => sum + length, 0) * rounds;
  let done = 0;
  const rows: MqarRow[] = [];
  for (const shape of shapes) {
    const row = await evaluateShape(session, options, shape, (read) => options.onProgress?.(done + read, total));
    done += shape.length * rounds;
    options.onRow?.(row);
    rows.push(row);
  }
  return rows;
}

// --- internal ---

type Shape = MqarShape & { readonly distance: number };

/** The sequences of each row; their length includes the filler. */
function shapesOf({ loaded }: Session, options: MqarEvaluation): readonly Shape[] {
  const { pairs, lengths, distances = [0] } = options;
  if (lengths.length !== 1 && lengths.length !== pairs.length)
    throw new OptionError(`mqar needs one length, or one for each of the ${pairs.length} pairs, got ${lengths.length}`);
  const shapes = pairs.flatMap((count, i) => {
    const length = lengths[lengths.length === 1 ? 0 : i] ?? 0;
    return distances.map((distance) => ({ ...options, pairs: count, distance, length: length + distance }));
  });
  const { vocabularySize } = loaded.model.config;
  const problem = shapes.map((shape) => mqarProblem(shape, vocabularySize)).find((found) => found !== undefined);
  if (problem !== undefined) throw new OptionError(problem);
  return shapes;
}

async function evaluateShape(
  session: Session,
  { samples, seed }: MqarEvaluation,
  shape: Shape,
  onProgress: (done: number) => void,
): Promise<MqarRow> {
  const { pairs, distance } = shape;
  const length = shape.length - distance;
  const rng = createRng(seed).fork(`${pairs} pairs in ${length} at ${distance}`);
  const started = performance.now();
  const accuracies: number[] = [];
  for (let start = 0; start < samples; start += session.batch) {
    const examples = Array.from({ length: session.batch }, (_, lane) =>
      mqarExample({ ...shape, rng: rng.fork(start + lane) }),
    );
    const right = await countRight(session, examples, (read) =>
      onProgress((start / session.batch) * shape.length + read),
    );
    // The last round may have more lanes than samples left.
    accuracies.push(...right.slice(0, samples - start).map((count) => count / pairs));
  }
  const seconds = (performance.now() - started) / 1000;
  return {
    pairs,
    length,
    distance,
    samples,
    accuracy: mean(accuracies),
    standardError: standardError(accuracies),
    exact: mean(accuracies.map((accuracy) => (accuracy === 1 ? 1 : 0))),
    seconds,
    tokensPerSecond: (Math.ceil(samples / session.batch) * session.batch * shape.length) / seconds,
  };
}

/** Queries that each lane answers right. Everything before the queries is read without its logits. */
async function countRight(
  session: Session,
  examples: readonly MqarExample[],
  onProgress: (done: number) => void,
): Promise<number[]> {
  const { segmentLength } = session.loaded.model.config;
  const length = examples[0]?.inputs.length ?? 0;
  const queries = examples[0]?.queries ?? 0;
  let right = examples.map(() => 0);
  const cut = (from: number, to: number): Int32Array[] => examples.map(({ inputs }) => inputs.subarray(from, to));
  await session.reset();
  await session.read(cut(0, queries), onProgress);
  for (let start = queries, end = start; start < length; start = end) {
    end = Math.min(length, start + segmentLength - (start % segmentLength));
    const logits = await session.logits(cut(start, end));
    const size = logits.length / session.batch;
    right = right.map((count, lane) => {
      const labels = examples[lane]?.labels.subarray(start, end) ?? new Int32Array();
      return count + rightIn(labels, logits.subarray(lane * size, (lane + 1) * size));
    });
    onProgress(end);
  }
  return right;
}

/** How many labels [T] are the most likely by logits [T * V]. */
function rightIn(labels: Int32Array, logits: Float32Array): number {
  const width = logits.length / labels.length;
  return labels.reduce((count, label, i) => {
    if (label === NO_LABEL) return count;
    return mostLikely(logits.subarray(i * width, (i + 1) * width)) === label ? count + 1 : count;
  }, 0);
}
