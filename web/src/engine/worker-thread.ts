import { wrap, type Remote } from "comlink";

/** A worker, and its requests. */
export interface WorkerThread<Api> {
  readonly remote: Remote<Api>;
  /** The result of a request; rejects when the worker cannot run at all, where the request itself would wait forever. */
  result<T>(request: Promise<T>): Promise<T>;
  close(): void;
}

export function workerThread<Api>(worker: Worker): WorkerThread<Api> {
  const failure = new Promise<never>((_, reject) => {
    worker.addEventListener("error", () => reject(new Error("a part of the page is missing; load the page again")));
  });
  failure.catch(() => {}); // told by the next request
  return {
    remote: wrap<Api>(worker),
    result: (request) => Promise.race([request, failure]),
    close: () => worker.terminate(),
  };
}
