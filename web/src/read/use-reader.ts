import { proxy, transfer, type Remote } from "comlink";
import { useEffect, useMemo, useReducer, useRef } from "preact/hooks";
import { download, reason } from "../shared/download.ts";
import { keepOffline } from "../engine/offline.ts";
import type { ModelSource } from "../engine/open-model.ts";
import type { ModelFacts, ReadProgress } from "./reader.ts";
import { nextGap, type Text } from "../shared/texts.ts";
import type { ReaderWorker } from "./reader-worker.ts";
import type { ChosenDevice } from "../engine/use-device.ts";
import { useLatest } from "../shared/use-latest.ts";
import { workerThread, type WorkerThread } from "../engine/worker-thread.ts";

/** The result of a question. */
export interface Answer {
  /** The number that the model gave, or nothing. */
  readonly given: string;
  /** The key that had been hidden, where one was read. */
  readonly key: string | undefined;
  /** Tokens read since the key. */
  readonly distance: number;
}

export interface ReaderState {
  readonly phase: "opening" | "failed" | "idle" | "reading" | "asking";
  readonly facts: ModelFacts | undefined;
  readonly text: Text | undefined;
  readonly key: string;
  /** Byte of the text near which the key is hidden. */
  readonly place: number | undefined;
  /** Bytes of the text that are read. */
  readonly at: number;
  /** Tokens that the session has read. */
  readonly position: number;
  readonly progress: ReadProgress | undefined;
  /** Pieces of the text that are read. */
  readonly pieces: number;
  /** Byte of the text and bits per byte there, of some of these pieces. */
  readonly surprise: readonly (readonly [number, number])[];
  /** Whether the next text continues what has been read. */
  readonly continues: boolean;
  /** The last key that was read, and the position after it. */
  readonly known: { readonly key: string; readonly position: number } | undefined;
  readonly answer: Answer | undefined;
  /** What went wrong. */
  readonly problem: string | undefined;
}

export interface ReaderActions {
  choose(text: Promise<Text>): Promise<void>;
  hide(place: number | undefined): void;
  setKey(key: string): void;
  setContinues(continues: boolean): void;
  read(): Promise<void>;
  stop(): void;
  ask(): Promise<void>;
  save(): Promise<void>;
  /** The bytes that `save` gives the user. */
  session(): Promise<Uint8Array>;
  load(file: File): Promise<void>;
  forget(): Promise<void>;
}

/** Why a number cannot be hidden, or nothing. The model was trained on keys of three to five digits up to 49,999. */
export function keyProblem(key: string): string | undefined {
  return /^[1-9]\d{2,4}$/.test(key) && Number(key) < 50_000 ? undefined : "A pass key is a number from 100 to 49999.";
}

/** The state and actions of the view. The model runs in a worker; a new model or device starts without having read the text. */
export function useReader(model: ModelSource, device: ChosenDevice): readonly [ReaderState, ReaderActions] {
  const [state, change] = useReducer(patched, INITIAL);
  const thread = useMemo(startWorker, [model, device]);
  const worker = thread.remote;
  const choices = useLatest();
  const current = useRef(worker);
  current.current = worker;
  const patch: Patch = (news) => {
    // Messages of the previous model arrive too late.
    if (current.current === worker) change(news);
  };
  useEffect(() => {
    patch({ ...NOTHING_READ, phase: "opening", facts: undefined });
    thread.result(worker.open(model, device)).then(
      (facts) => patch({ facts, phase: "idle" }),
      (cause: unknown) => patch({ phase: "failed", problem: `The model cannot be loaded: ${reason(cause)}` }),
    );
    return thread.close;
  }, [worker]);
  useEffect(() => {
    if (state.facts) void keepOffline(state.facts.device);
  }, [state.facts]);
  // The text stays when the worker changes, so this is not a patch.
  const choose = (text: Promise<Text>): Promise<void> =>
    choices.follow(
      text,
      (chosen) => change({ ...UNREAD, text: chosen, place: undefined }),
      (cause) => change({ problem: reason(cause) }),
    );
  const actions = actionsOf(worker, state, patch);
  return [
    state,
    {
      ...actions,
      choose,
      read() {
        choices.forget();
        return actions.read();
      },
    },
  ];
}

// --- internal ---

function startWorker(): WorkerThread<ReaderWorker> {
  return workerThread(new Worker(new URL("./reader-worker.ts", import.meta.url), { type: "module" }));
}

type Patch = (change: Partial<ReaderState>) => void;

const INITIAL: ReaderState = {
  phase: "opening",
  facts: undefined,
  text: undefined,
  key: String(10_000 + Math.floor(Math.random() * 40_000)),
  place: undefined,
  at: 0,
  position: 0,
  progress: undefined,
  pieces: 0,
  surprise: [],
  continues: false,
  known: undefined,
  answer: undefined,
  problem: undefined,
};

/** Before a text has been started, or when it will be read from its start. */
const UNREAD = { at: 0, progress: undefined, pieces: 0, surprise: [], answer: undefined, problem: undefined } as const;
const NOTHING_READ = { ...UNREAD, position: 0, continues: false, known: undefined } as const;

function patched(state: ReaderState, change: Partial<ReaderState>): ReaderState {
  return { ...state, ...change };
}

function actionsOf(worker: Remote<ReaderWorker>, state: ReaderState, patch: Patch): Omit<ReaderActions, "choose"> {
  const attempt = async (work: () => Promise<Partial<ReaderState>>): Promise<void> => {
    patch({ problem: undefined });
    try {
      patch({ phase: "idle", ...(await work()) });
    } catch (cause) {
      patch({ phase: "idle", problem: reason(cause) });
    }
  };
  return {
    hide: (place) => patch({ ...UNREAD, place }),
    setKey: (key) => patch({ ...UNREAD, key }),
    setContinues: (continues) => patch({ continues }),
    read: () => attempt(() => read(worker, state, patch)),
    stop: () => void worker.stop(),
    ask: () => attempt(() => ask(worker, state, patch)),
    // Another action may start before this one is done, so it does not set the phase.
    async save() {
      patch({ problem: undefined });
      try {
        download(await worker.save(), `session-${state.position}-tokens.safetensors`);
      } catch (cause) {
        patch({ problem: reason(cause) });
      }
    },
    session: () => worker.save(),
    load: (file) =>
      attempt(async () => {
        const bytes = new Uint8Array(await file.arrayBuffer());
        const position = await worker.load(transfer(bytes, [bytes.buffer]), file.name);
        return { ...NOTHING_READ, position, continues: true };
      }),
    forget: () =>
      attempt(async () => {
        await worker.reset();
        return NOTHING_READ;
      }),
  };
}

async function read(worker: Remote<ReaderWorker>, state: ReaderState, patch: Patch): Promise<Partial<ReaderState>> {
  const { text, place, key, continues } = state;
  if (!text) throw new Error("no text was chosen yet");
  const problem = place === undefined ? undefined : keyProblem(key);
  if (problem !== undefined) throw new Error(problem);
  const from = state.at < text.blob.size ? state.at : 0;
  if (from === 0 && !continues) await worker.reset();
  const known = from === 0 && !continues ? undefined : state.known;
  let { pieces, surprise } = from === 0 ? UNREAD : state;
  patch({
    ...UNREAD,
    pieces,
    surprise,
    at: from,
    phase: "reading",
    known,
    ...(from === 0 && !continues && { position: 0 }),
  });
  const hidden = place === undefined ? undefined : { key, position: await nextGap(text.blob, place) };
  const follow = (progress: ReadProgress): void => {
    const { at, position, bitsPerByte } = progress;
    if (bitsPerByte !== undefined) surprise = [...surprise, [at, bitsPerByte]];
    pieces++;
    patch({ progress, at, position, pieces, surprise });
  };
  const last = await worker.read({ text: text.blob, from, hidden }, proxy(follow)).catch((cause: unknown) => {
    throw new Error(`${text.name}: ${reason(cause)}`, { cause });
  });
  const passed = hidden && from <= hidden.position && hidden.position <= last.at && last.tokens > 0;
  return {
    ...(passed && { known: { key, position: last.position - (last.at - hidden.position) } }),
    progress: last,
    at: last.at,
    position: last.position,
    continues: false,
  };
}

async function ask(worker: Remote<ReaderWorker>, state: ReaderState, patch: Patch): Promise<Partial<ReaderState>> {
  patch({ phase: "asking", answer: undefined });
  const given = await worker.ask();
  const { known, position } = state;
  return { answer: { given, key: known?.key, distance: known ? position - known.position : 0 } };
}
