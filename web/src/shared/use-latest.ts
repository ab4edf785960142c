import { useMemo } from "preact/hooks";

/** Follows the last of several promises and ignores the results of earlier ones. */
export interface Latest {
  follow<T>(promise: Promise<T>, take: (value: T) => void, fail: (cause: unknown) => void): Promise<void>;
  /** Stops following all promises so far. */
  forget(): void;
}

export function useLatest(): Latest {
  return useMemo(createLatest, []);
}

// --- internal ---

function createLatest(): Latest {
  let last = 0;
  return {
    async follow(promise, take, fail) {
      const own = ++last;
      await promise.then(
        (value) => own === last && take(value),
        (cause: unknown) => own === last && fail(cause),
      );
    },
    forget() {
      last++;
    },
  };
}
