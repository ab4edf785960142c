import { InfiniError } from "../../base/errors.ts";

/** Work that was stopped from outside; progress is saved. */
export class InterruptedError extends InfiniError {
  override name = "InterruptedError";
  readonly code = "ERR_INTERRUPTED";
}

/** Turns the first Ctrl-C into a signal, with a line that says so; a second one ends the process immediately. */
export function stopOnInterrupt(stopping: string): { signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const onInterrupt = (): void => {
    if (controller.signal.aborted) process.exit(130);
    process.stderr.write(`\n${stopping}; press Ctrl-C again to stop at once.\n`);
    controller.abort();
  };
  process.on("SIGINT", onInterrupt).on("SIGTERM", onInterrupt);
  return {
    signal: controller.signal,
    release: () => void process.off("SIGINT", onInterrupt).off("SIGTERM", onInterrupt),
  };
}
