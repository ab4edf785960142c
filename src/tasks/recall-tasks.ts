import { OptionError } from "../base/errors.ts";
import { suggestion } from "../base/parse-config.ts";
import { babilongTasks } from "./babilong/index.ts";
import type { RecallTask } from "./recall.ts";
import { rulerTasks } from "./ruler/index.ts";

/** Names that stand for several tasks. A task of another family is a new folder and a line here. */
const GROUPS: Readonly<Record<string, readonly RecallTask[]>> = {
  ruler: rulerTasks,
  babilong: babilongTasks,
};

const TASKS = new Map(Object.values(GROUPS).flatMap((tasks) => tasks.map((task) => [task.name, task] as const)));

/** Every name that {@link recallTasksOf} takes: those of tasks, and `ruler` and `babilong` for all of their tasks. */
export const RECALL_NAMES: readonly string[] = [...Object.keys(GROUPS), ...TASKS.keys()];

/** The tasks of some names, each once. Throws `OptionError` for a name that is not known. */
export function recallTasksOf(names: readonly string[]): RecallTask[] {
  const tasks = names.flatMap((name) => {
    const known = GROUPS[name] ?? TASKS.get(name);
    if (!known) throw new OptionError(`"${name}" is not a recall task${suggestion(name, RECALL_NAMES)}`);
    return known;
  });
  return [...new Set(tasks)];
}
