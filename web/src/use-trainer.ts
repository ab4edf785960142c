import { proxy, transfer, wrap, type Remote } from "comlink";
import type { StepMetrics } from "infini-transformer/train";
import { useReducer, useRef } from "preact/hooks";
import { download, reason } from "./download.ts";
import { BUNDLED_TEXTS, fetchText } from "./texts.ts";
import type { TrainerWorker } from "./trainer-worker.ts";
import type { TrainingTask } from "./trainer.ts";

export interface TrainerState {
  readonly phase: "idle" | "preparing" | "training" | "pausing" | "paused" | "done";
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
  discard(): void;
}

/** The state of the training view. A run has a worker of its own, which ends with it. */
export function useTrainer(): readonly [TrainerState, TrainerActions] {
  const [state, patch] = useReducer(patched, INITIAL);
  const worker = useRef<{ readonly thread: Worker; readonly remote: Remote<TrainerWorker> } | undefined>(undefined);

  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (cause) {
      patch({ phase: state.steps > 0 ? "paused" : "idle", problem: reason(cause) });
    }
  };
  const train = async (steps: number): Promise<void> => {
    patch({ phase: "training", problem: undefined });
    const done = await worker.current?.remote.run(proxy((metrics: StepMetrics) => patch({ metrics: [metrics] })));
    patch({ phase: done === steps ? "done" : "paused" });
  };
  const end = (): void => {
    worker.current?.thread.terminate();
    worker.current = undefined;
  };

  return [
    state,
    {
      setTask: (task) => patch({ task }),
      start: () =>
        attempt(async () => {
          patch({ phase: "preparing", problem: undefined });
          end();
          const thread = new Worker(new URL("./trainer-worker.ts", import.meta.url), { type: "module" });
          const remote = wrap<TrainerWorker>(thread);
          worker.current = { thread, remote };
          const text = state.task === "text" ? await trainingText() : new Uint8Array();
          const steps = await remote.begin(state.task, transfer(text, [text.buffer]));
          patch({ steps });
          await train(steps);
        }),
      pause() {
        patch({ phase: "pausing" });
        void worker.current?.remote.pause();
      },
      resume: () => attempt(() => train(state.steps)),
      save: () =>
        attempt(async () => {
          const folder = await worker.current?.remote.folder();
          if (folder) download(folder, `nano-${state.metrics.length}-steps.zip`);
        }),
      discard() {
        end();
        patch("forget");
      },
    },
  ];
}

// --- internal ---

const INITIAL: TrainerState = { phase: "idle", task: "text", steps: 0, metrics: [], problem: undefined };

/** Metrics are added to those that are there. */
function patched(state: TrainerState, change: Partial<TrainerState> | "forget"): TrainerState {
  if (change === "forget") return { ...INITIAL, task: state.task };
  return { ...state, ...change, metrics: [...state.metrics, ...(change.metrics ?? [])] };
}

async function trainingText(): Promise<Uint8Array> {
  const [{ file, name }] = BUNDLED_TEXTS;
  const { blob } = await fetchText(file, name);
  return new Uint8Array(await blob.arrayBuffer());
}
