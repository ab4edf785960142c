import { proxy, transfer, wrap, type Remote } from "comlink";
import type { StepMetrics } from "infini-transformer/train";
import { useEffect, useReducer, useRef } from "preact/hooks";
import { download, reason } from "./download.ts";
import { loadMaterial } from "./material.ts";
import { modelTrainedHere, type NamedModel } from "./models.ts";
import type { OwnText } from "./own-text.ts";
import { forgetRun, savedRun, takePlace, type SavedRun } from "./run-store.ts";
import type { TrainerWorker } from "./trainer-worker.ts";
import type { TrainingTask } from "./trainer.ts";
import type { ChosenDevice } from "./use-device.ts";

export interface TrainerState {
  readonly phase: "opening" | "idle" | "preparing" | "training" | "pausing" | "paused" | "done";
  readonly task: TrainingTask;
  readonly own: OwnText;
  /** What the run trains on, by name. */
  readonly material: string;
  /** Steps of the run; 0 before it has begun. */
  readonly steps: number;
  /** What was logged so far, a step each. */
  readonly metrics: readonly StepMetrics[];
  readonly problem: string | undefined;
}

export interface TrainerActions {
  setTask(task: TrainingTask): void;
  setOwn(own: OwnText): void;
  start(): Promise<void>;
  pause(): void;
  resume(): Promise<void>;
  save(): Promise<void>;
  /** Gives the model as it is now to those who read. */
  use(): Promise<void>;
  /** Gives the run up. */
  discard(): Promise<void>;
}

/** What every panel of the view gets. */
export interface TrainerProps {
  readonly state: TrainerState;
  readonly actions: TrainerActions;
}

/** The state of the training view. A run has a worker of its own, and goes on when the page is loaded again. */
export function useTrainer(
  device: ChosenDevice,
  use: (model: NamedModel) => void,
): readonly [TrainerState, TrainerActions] {
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
  const begin: Begin = async (remote) => {
    const { task, own } = state;
    const { name, text } = await loadMaterial(task, own);
    patch({ material: name });
    return remote.begin(transfer({ task, material: name, text, place: place.current, device }, [text.buffer]));
  };
  const goOn: Begin = (remote) => {
    if (place.current === undefined) throw new Error("no run is kept");
    return remote.goOn(place.current, device);
  };
  const run = async (how: Begin): Promise<TrainerThread> => {
    worker.current ??= await openRun(how);
    patch({ steps: worker.current.steps });
    return worker.current;
  };
  const train = (how: Begin): Promise<void> =>
    attempt(async () => {
      patch({ phase: "preparing", problem: undefined });
      const { remote, steps } = await run(how);
      patch({ phase: "training" });
      const done = await remote.run(proxy((metrics: StepMetrics) => patch({ metrics: [metrics] })));
      patch({ phase: done === steps ? "done" : "paused" });
    });
  useEffect(() => {
    void attempt(async () => {
      place.current = await takePlace();
      const saved = place.current === undefined ? undefined : await savedRun(place.current);
      patch(saved ? foundRun(saved) : { phase: "idle" });
      if (saved?.training && isReload()) await train(goOn);
    });
  }, []);

  return [
    state,
    {
      setTask: (task) => patch({ task }),
      setOwn: (own) => patch({ own, task: "own" }),
      start: () => train(begin),
      pause() {
        patch({ phase: "pausing" });
        void worker.current?.remote.pause();
      },
      resume: () => train(goOn),
      save: () =>
        attempt(async () => {
          const { remote } = await run(goOn);
          download(await remote.folder(), `nano-${state.metrics.length}-steps.zip`);
        }),
      use: () =>
        attempt(async () => {
          const { remote } = await run(goOn);
          use(modelTrainedHere({ ...state, steps: state.metrics.length, source: await remote.model() }));
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

/** Has a worker begin a run, or go on with one; its number of steps. */
type Begin = (remote: Remote<TrainerWorker>) => Promise<number>;

/** A run in its worker. */
interface TrainerThread {
  readonly thread: Worker;
  readonly remote: Remote<TrainerWorker>;
  readonly steps: number;
}

const INITIAL: TrainerState = {
  phase: "opening",
  task: "book",
  own: "",
  material: "",
  steps: 0,
  metrics: [],
  problem: undefined,
};

async function openRun(begin: Begin): Promise<TrainerThread> {
  const thread = new Worker(new URL("./trainer-worker.ts", import.meta.url), { type: "module" });
  const remote = wrap<TrainerWorker>(thread);
  try {
    return { thread, remote, steps: await begin(remote) };
  } catch (cause) {
    thread.terminate();
    throw cause;
  }
}

function foundRun({ task, material, steps, metrics }: SavedRun): Partial<TrainerState> {
  return { phase: metrics.length === steps ? "done" : "paused", task, material, steps, metrics };
}

/** Whether the page was there before, and not opened anew. */
function isReload(): boolean {
  return performance.getEntriesByType("navigation").some((entry) => "type" in entry && entry.type === "reload");
}

type Change = Partial<TrainerState> | { readonly failed: string } | "forget";

/** Metrics are added to those that are there. A run that has begun rests when something goes wrong. */
function patched(state: TrainerState, change: Change): TrainerState {
  if (change === "forget") return { ...INITIAL, phase: "idle", task: state.task, own: state.own };
  if ("failed" in change) return { ...state, phase: state.steps > 0 ? "paused" : "idle", problem: change.failed };
  return { ...state, ...change, metrics: [...state.metrics, ...(change.metrics ?? [])] };
}
