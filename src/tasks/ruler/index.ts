import type { RecallTask } from "../recall.ts";
import { cweTask } from "./cwe.ts";
import { fweTask } from "./fwe.ts";
import { niahTasks } from "./niah.ts";
import { vtTask } from "./vt.ts";

/** The synthetic tasks of RULER (arXiv 2404.06654) that need no download: all but its two question-answering ones. */
export const rulerTasks: readonly RecallTask[] = [...niahTasks, vtTask, cweTask, fweTask];
