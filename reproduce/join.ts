import type { Session } from "../src/generate/session.ts";

/* What the experiments take from parts of the library that come after them: the only file that changes with them. */

interface Common {
  readonly samples: number;
  readonly seed: number;
  onProgress?(done: number, total: number): void;
}

interface MqarOptions extends Common {
  readonly pairs: readonly number[];
  readonly lengths: readonly number[];
  readonly distances: readonly number[];
  readonly vocabulary: number;
}

interface RecallOptions extends Common {
  readonly tasks: readonly string[];
  readonly lengths: readonly number[];
  readonly book: Uint8Array;
}

/** Multi-query associative recall. */
export function evaluateMqar(_session: Session, _options: MqarOptions): Promise<readonly object[]> {
  return Promise.reject(new Error("MQAR is not part of the library yet"));
}

/** Recall tasks by name. */
export function evaluateRecallTasks(_session: Session, _options: RecallOptions): Promise<readonly object[]> {
  return Promise.reject(new Error("recall tasks are not part of the library yet"));
}

/** The memory of the paper but for its rule: as published, with nothing beside it. */
export const PAPER_MEMORY = { tokenShift: false } as const;

/** Whether a memory of this update leaves out what it does not want, so that writing can have a price. */
export function choosesWrites(update: string): boolean {
  return update === "token-delta";
}
