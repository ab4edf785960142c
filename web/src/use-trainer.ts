import { proxy, transfer, wrap, type Remote } from "comlink";
import type { StepMetrics } from "infini-transformer/train";
import { useEffect, useReducer, useRef } from "preact/hooks";
import { download, reason } from "./download.ts";
import { forgetRun, savedRun, takePlace, type SavedRun } from "./run-store.ts";
import { BUNDLED_TEXTS, fetchText } from "./texts.ts";
import type { TrainerWorker } from "./trainer-worker.ts";
import type { TrainingTask } from "./trainer.ts";

export interface TrainerState {
  readonly phase: "opening" | "idle" | "preparing" | "training" | "pausing" | "paused" | "done";
  readonly task: TrainingTask;
  /** Steps of the run; 0 before it has begun. */
  readonly steps: number;
  /** What was logged so far, a step each. */
  readonly metrics: readonly StepMetrics[];
  readonly problem: string | undefined;
}

export interface TrainerActions {
  setTask(task: TrainingTask): void;
  start(): Promise<void>;
  pause(): void;
  resume(): Promise<void>;
  save(): Promise<void>;
  /** Gives the run up. */
  discard(): Promise<void>;
}

/** The state of the training view. A run has a worker of its own, and goes on when the page is loaded again. */
export function useTrainer(): readonly [TrainerState, TrainerActions] {
  const [state, patch] = useReducer(patched, INITIAL);
  const worker = useRef<TrainerThread | undefined>(undefined);
  const place = useRef<string | undefined>(undefined);

  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (cause) {
      patch({ failed: reason(cause) });
    }
  };
  const begun = async (task: TrainingTask): Promise<TrainerThread> => {
    worker.current ??= await beginRun(task, place.current);
    patch({ steps: worker.current.steps });
    return worker.current;
  };
  const train = (task: TrainingTask): Promise<void> =>
    attempt(async () => {
      patch({ phase: "preparing", problem: undefined });
      const { remote, steps } = await begun(task);
      patch({ phase: "training" });
      const done = await remote.run(proxy((metrics: StepMetrics) => patch({ metrics: [metrics] })));
      patch({ phase: done === steps ? "done" : "paused" });
    });
  useEffect(() => {
    void attempt(async () => {
      place.current = await takePlace();
      const saved = place.current === undefined ? undefined : await savedRun(place.current);
      patch(saved ? foundRun(saved) : { phase: "idle" });
      if (saved?.training && isReload()) await train(saved.task);
    });
  }, []);

  return [
    state,
    {
      setTask: (task) => patch({ task }),
      start: () => train(state.task),
      pause() {
        patch({ phase: "pausing" });
        void worker.current?.remote.pause();
      },
      resume: () => train(state.task),
      save: () =>
        attempt(async () => {
          const { remote } = await begun(state.task);
          download(await remote.folder(), `nano-${state.metrics.length}-steps.zip`);
        }),
      discard: () =>
        attempt(async () => {
          worker.current?.thread.terminate();
          worker.current = undefined;
          if (place.current !== undefined) await forgetRun(place.current);
          patch("forget");
        }),
    },
  ];
}

// --- internal ---

/** A run in its worker. */
interface TrainerThread {
  readonly thread: Worker;
  readonly remote: Remote<TrainerWorker>;
  readonly steps: number;
}

const INITIAL: TrainerState = { phase: "opening", task: "text", steps: 0, metrics: [], problem: undefined };

/** Begins a run, or goes on with the one that is kept at the place. */
async function beginRun(task: TrainingTask, place: string | undefined): Promise<TrainerThread> {
  const thread = new Worker(new URL("./trainer-worker.ts", import.meta.url), { type: "module" });
  const remote = wrap<TrainerWorker>(thread);
  try {
    const text = task === "text" ? await trainingText() : new Uint8Array();
    return { thread, remote, steps: await remote.begin(transfer({ task, text, place }, [text.buffer])) };
  } catch (cause) {
    thread.terminate();
    throw cause;
  }
}

function foundRun({ task, steps, metrics }: SavedRun): Partial<TrainerState> {
  return { phase: metrics.length === steps ? "done" : "paused", task, steps, metrics };
}

/** Whether the page was there before, and not opened anew. */
function isReload(): boolean {
  return performance.getEntriesByType("navigation").some((entry) => "type" in entry && entry.type === "reload");
}

type Change = Partial<TrainerState> | { readonly failed: string } | "forget";

/** Metrics are added to those that are there. A run that has begun rests when something goes wrong. */
function patched(state: TrainerState, change: Change): TrainerState {
  if (change === "forget") return { ...INITIAL, phase: "idle", task: state.task };
  if ("failed" in change) return { ...state, phase: state.steps > 0 ? "paused" : "idle", problem: change.failed };
  return { ...state, ...change, metrics: [...state.metrics, ...(change.metrics ?? [])] };
}

async function trainingText(): Promise<Uint8Array> {
  const [{ file, name }] = BUNDLED_TEXTS;
  const { blob } = await fetchText(file, name);
  return new Uint8Array(await blob.arrayBuffer());
}
