import { useMemo } from "preact/hooks";

/** Follows the last of several promises: what comes of an earlier one, however late, is nobody's. */
export interface Latest {
  follow<T>(promise: Promise<T>, take: (value: T) => void, fail: (cause: unknown) => void): Promise<void>;
  /** Of those so far none is followed any more. */
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
