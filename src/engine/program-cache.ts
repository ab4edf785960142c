interface Disposable {
  dispose(): Promise<void>;
}

/** Programs by name, each compiled when first requested. */
export interface ProgramCache<P extends Disposable> {
  /** The program of a name. One that failed to compile is tried again at the next request. */
  get(name: string, compile: () => Promise<P>): Promise<P>;
  /** Disposes of all of them, and compiles no more. */
  dispose(): Promise<void>;
}

/** @param owner What the error names as disposed of, such as `the session`. */
export function createProgramCache<P extends Disposable>(owner: string): ProgramCache<P> {
  const programs = new Map<string, Promise<P>>();
  let disposed = false;
  return {
    get(name, compile) {
      if (disposed) return Promise.reject(new Error(`${owner} has been disposed of`));
      const known = programs.get(name);
      if (known) return known;
      const begun = compile();
      programs.set(name, begun);
      begun.catch(() => programs.delete(name));
      return begun;
    },
    async dispose() {
      disposed = true;
      const compiled = await Promise.allSettled(programs.values());
      programs.clear();
      const ended = await Promise.allSettled(
        compiled.flatMap((each) => (each.status === "fulfilled" ? [each.value.dispose()] : [])),
      );
      for (const each of ended) if (each.status === "rejected") throw each.reason;
    },
  };
}
