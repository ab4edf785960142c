import { goThrough, runsOf, type PlannedRun } from "./plan.ts";
import type { RunResult } from "./results.ts";
import type { System } from "./systems.ts";
import { createProgress, formatMinutes, print } from "../../src/cli/terminal/output.ts";
import { findRun, performRun, workOf, type RunContext } from "./perform-run.ts";

/** Performs all runs of some systems that have no result yet. Throws InterruptedError when it is stopped. */
export async function runAll(systems: readonly System[], context: Omit<RunContext, "onProgress">): Promise<void> {
  const all = systems.flatMap((system) => runsOf(context.suite, system));
  const pace = createPace(all.reduce((sum, run) => sum + workOf(run, context.texts), 0));
  let number = 0;
  for (const system of systems) {
    const seen = new Set<string>();
    await goThrough(context.suite, system, async (run) => {
      const found = await findRun(run, context);
      // The run at the suite's own length belongs to two experiments.
      const again = found && seen.has(found.hash);
      const label = again ? "" : `[${++number}/${all.length}] ${describe(run)}`;
      const result = found ?? (await performWithBar(run, label, context, pace));
      if (found && !again) pace.skip(workOf(run, context.texts));
      seen.add(result.hash);
      if (!again) print(`${label}: ${found ? "exists already" : "done"}, ${outcome(result)}${inAll(pace.left())}`);
      return result;
    });
  }
}

// --- internal ---

interface Pace {
  /** Adds work that was done before. */
  skip(work: number): void;
  /** Adds work that took these seconds. */
  add(work: number, seconds: number): void;
  /** Minutes left, given the work of the current run done so far and its seconds; none if unknown. */
  left(work?: number, seconds?: number): number | undefined;
}

/** How long the remaining work will take, estimated from the work done here. */
function createPace(total: number): Pace {
  let [left, worked, spent] = [total, 0, 0];
  return {
    skip: (work) => void (left -= work),
    add(work, seconds) {
      [left, worked, spent] = [left - work, worked + work, spent + seconds];
    },
    left(work = 0, seconds = 0) {
      const remaining = left - work;
      if (worked + work === 0 || remaining <= 0) return undefined;
      return (remaining * (spent + seconds)) / (worked + work) / 60;
    },
  };
}

async function performWithBar(
  run: PlannedRun,
  label: string,
  context: Omit<RunContext, "onProgress">,
  pace: Pace,
): Promise<RunResult> {
  const work = workOf(run, context.texts);
  const bar = createProgress(label, 1000, "thousandths");
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  try {
    return await performRun(run, {
      ...context,
      onProgress: (done, note) =>
        bar.update(Math.round((1000 * done) / work), note + inAll(pace.left(done, seconds()))),
    });
  } finally {
    pace.add(work, seconds());
    bar.stop();
  }
}

function inAll(minutes: number | undefined): string {
  return minutes === undefined ? "" : `; about ${formatMinutes(minutes)} left in all`;
}

function describe({ system, learningRate, seed, length, measure }: PlannedRun): string {
  const what = measure === "validation" ? "try" : `seed ${seed}, sequences of ${length}`;
  return `${system.name}: ${what}, learning rate ${learningRate}`;
}

function outcome(result: RunResult): string {
  if ("diverged" in result) return `diverged: ${result.diverged}`;
  return `${(result.test ?? result.validation).bitsPerByte.toFixed(3)} bits per byte`;
}
