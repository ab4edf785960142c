/** Runs tasks one at a time in the order they come; a failure does not hold up the others. */
export type Queue = <T>(task: () => Promise<T>) => Promise<T>;

export function createQueue(): Queue {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const result = last.then(task);
    last = result.then(nothing, nothing); // neither kept alive nor failed
    return result.then((value) => value); // a new promise, so that a failure nobody awaits is reported
  };
}

// --- internal ---

function nothing(): void {}
