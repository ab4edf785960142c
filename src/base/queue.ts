/** Has tasks done one after the other, in the order they come; one that fails holds up none. */
export type Queue = <T>(task: () => Promise<T>) => Promise<T>;

export function createQueue(): Queue {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const result = last.then(task);
    last = result.then(nothing, nothing); // neither kept alive nor failed
    return result.then((value) => value); // a promise of its own, so that a failure that nobody awaits is told
  };
}

// --- internal ---

function nothing(): void {}
