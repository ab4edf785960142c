import { proxy, transfer, type Remote } from "comlink";
import type { StepMetrics } from "infini-transformer/train";
import type { WebDevice } from "infini-transformer/web";
import { useEffect, useReducer, useRef } from "preact/hooks";
import { download, reason } from "../shared/download.ts";
import { loadMaterial } from "./material.ts";
import { modelTrainedHere, type NamedModel } from "../engine/models.ts";
import type { OwnText } from "./own-text.ts";
import { forgetRun, savedRun, takePlace, type SavedRun } from "./run-store.ts";
import type { OpenedRun, TrainerWorker } from "./trainer-worker.ts";
import type { TrainingTask } from "./trainer.ts";
import type { ChosenDevice } from "../engine/use-device.ts";
import { workerThread, type WorkerThread } from "../engine/worker-thread.ts";

export interface TrainerState {
  readonly phase: "opening" | "idle" | "preparing" | "training" | "pausing" | "paused" | "done" | "taking";
  readonly task: TrainingTask;
  readonly own: OwnText;
  /** The name of what the run trains on. */
  readonly material: string;
  /** Steps of the run; 0 before it starts. */
  readonly steps: number;
  /** The device, once it is known. */
  readonly device: WebDevice | undefined;
  /** Whether the browser keeps it. */
  readonly kept: boolean;
  /** The metrics so far, one entry for each step. */
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
  /** Gives the current model to the views that read. */
  use(): Promise<void>;
  /** Abandons the run. */
  discard(): Promise<void>;
}

/** The properties of every panel of the view. */
export interface TrainerProps {
  readonly state: TrainerState;
  readonly actions: TrainerActions;
}

/** The state of the training view. A run has its own worker, and continues when the page is reloaded. */
export function useTrainer(
  device: ChosenDevice,
  use: (model: NamedModel) => void,
): readonly [TrainerState, TrainerActions] {
  const [state, patch] = useReducer(patched, INITIAL);
  const current = useRef<TrainerThread | undefined>(undefined);
  const place = useRef<string | undefined>(undefined);

  const close = (): void => {
    current.current?.close();
    current.current = undefined;
  };
  const begin: Begin = async (remote) => {
    const { task, own } = state;
    const { name, text } = await loadMaterial(task, own);
    patch({ material: name });
    return remote.begin(transfer({ task, material: name, text, place: place.current, device }, [text.buffer]));
  };
  const continueRun: Begin = (remote) => {
    if (place.current === undefined) throw new Error("no run is kept");
    return remote.continueRun(place.current, device);
  };
  const run = async (how: Begin): Promise<TrainingRun> => {
    const former = current.current;
    // A new device needs a new worker, which is possible only where the run is kept.
    if (former && former.device !== device && (await former.opened).kept) close();
    const thread = (current.current ??= openThread(device, how));
    try {
      const opened = await thread.opened;
      patch(opened);
      return { remote: thread.remote, steps: opened.steps };
    } catch (cause) {
      close();
      throw cause;
    }
  };
  const train = async (how: Begin): Promise<void> => {
    try {
      patch({ phase: "preparing", problem: undefined });
      const { remote, steps } = await run(how);
      patch({ phase: "training" });
      const done = await remote.run(proxy((metrics: StepMetrics) => patch({ metrics: [metrics] })));
      patch({ phase: done === steps ? "done" : "paused" });
    } catch (cause) {
      // Its worker may be unusable now; what remains of the run is what the browser keeps.
      close();
      patch({ failed: reason(cause), saved: await keptRun(place.current) });
    }
  };
  /** Does something with a paused run. */
  const take = async (work: (remote: TrainingRun["remote"]) => Promise<void>): Promise<void> => {
    const { phase } = state;
    try {
      patch({ phase: "taking", problem: undefined });
      await work((await run(continueRun)).remote);
      patch({ phase });
    } catch (cause) {
      patch({ phase, problem: reason(cause) });
    }
  };
  useEffect(() => {
    void (async () => {
      place.current = await takePlace();
      const saved = await keptRun(place.current);
      patch(saved ? foundRun(saved) : { phase: "idle" });
      if (saved?.training && isReload()) await train(continueRun);
    })();
  }, []);

  return [
    state,
    {
      setTask: (task) => patch({ task }),
      setOwn: (own) => patch({ own, task: "own" }),
      start: () => train(begin),
      pause() {
        patch({ phase: "pausing" });
        void current.current?.remote.pause();
      },
      resume: () => train(continueRun),
      save: () => take(async (remote) => download(await remote.folder(), `nano-${state.metrics.length}-steps.zip`)),
      use: () =>
        take(async (remote) => {
          use(modelTrainedHere({ ...state, steps: state.metrics.length, source: await remote.model() }));
        }),
      discard: async () => {
        close();
        patch("forget");
        // A run that is not removed would be found when the page is reloaded.
        if (place.current !== undefined) await forgetRun(place.current).catch(() => {});
      },
    },
  ];
}

// --- internal ---

/** Has a worker start or continue a run. */
type Begin = (remote: Remote<TrainerWorker>) => Promise<OpenedRun>;

/** A run ready for training. */
interface TrainingRun {
  readonly remote: Remote<TrainerWorker>;
  readonly steps: number;
}

/** A run in its worker. */
interface TrainerThread extends WorkerThread<TrainerWorker> {
  /** The chosen device. */
  readonly device: ChosenDevice;
  readonly opened: Promise<OpenedRun>;
}

const INITIAL: TrainerState = {
  phase: "opening",
  task: "book",
  own: "",
  material: "",
  steps: 0,
  device: undefined,
  kept: true,
  metrics: [],
  problem: undefined,
};

function openThread(device: ChosenDevice, begin: Begin): TrainerThread {
  const thread = workerThread<TrainerWorker>(
    new Worker(new URL("./trainer-worker.ts", import.meta.url), { type: "module" }),
  );
  return { ...thread, device, opened: thread.result(begin(thread.remote)) };
}

/** The run kept at a place, if any. */
async function keptRun(place: string | undefined): Promise<SavedRun | undefined> {
  return place === undefined ? undefined : savedRun(place).catch(() => undefined);
}

function foundRun({ task, material, steps, metrics }: SavedRun): Partial<TrainerState> {
  return { phase: metrics.length === steps ? "done" : "paused", task, material, steps, metrics };
}

/** Whether the page was reloaded, not newly opened. */
function isReload(): boolean {
  return performance.getEntriesByType("navigation").some((entry) => "type" in entry && entry.type === "reload");
}

type Change = Partial<TrainerState> | { readonly failed: string; readonly saved: SavedRun | undefined } | "forget";

/** Metrics are appended. After an error, only what was kept remains. */
function patched(state: TrainerState, change: Change): TrainerState {
  const none: TrainerState = { ...INITIAL, phase: "idle", task: state.task, own: state.own };
  if (change === "forget") return none;
  if ("failed" in change) return { ...none, ...(change.saved && foundRun(change.saved)), problem: change.failed };
  return { ...state, ...change, metrics: [...state.metrics, ...(change.metrics ?? [])] };
}
