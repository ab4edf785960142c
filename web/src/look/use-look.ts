import { proxy, transfer } from "comlink";
import type { SegmentLook } from "infini-transformer/runtime";
import { useEffect, useReducer, useRef } from "preact/hooks";
import { reason } from "../shared/download.ts";
import type { Held } from "../shared/held.ts";
import type { LookWorker } from "./look-worker.ts";
import type { LookRequest } from "./looker.ts";
import type { ModelSource } from "../engine/open-model.ts";
import type { ChosenDevice } from "../engine/use-device.ts";
import { useLatest } from "../shared/use-latest.ts";
import { workerThread, type WorkerThread } from "../engine/worker-thread.ts";

/** A head of the model, both counted from 0. */
export interface HeadPlace {
  readonly layer: number;
  readonly head: number;
}

export interface LookState {
  readonly phase: "idle" | "opening" | "reading";
  readonly text: string;
  /** Whether the next text continues what Read holds instead of starting with an empty memory. */
  readonly continues: boolean;
  /** Tokens that were read before what is shown. */
  readonly before: number;
  /** What was read so far, and how many segments the text has. */
  readonly segments: readonly SegmentLook[];
  readonly total: number;
  /** The selection. */
  readonly segment: number;
  readonly token: number;
  readonly place: HeadPlace;
  /** The earlier segment whose text is shown; when undefined, the most similar one. */
  readonly earlier: number | undefined;
  readonly problem: string | undefined;
}

export interface LookActions {
  setText(text: string): void;
  setContinues(continues: boolean): void;
  /** Inserts a text once it has arrived. */
  fill(text: Promise<string>): Promise<void>;
  read(): Promise<void>;
  chooseSegment(segment: number): void;
  chooseToken(token: number): void;
  chooseHead(place: HeadPlace): void;
  chooseEarlier(segment: number): void;
}

/** The properties of every panel of the view. */
export interface LookProps {
  readonly state: LookState;
  readonly actions: LookActions;
}

/** The state of the view. The worker of a model starts with the first reading. */
export function useLook(
  model: ModelSource,
  device: ChosenDevice,
  held: Held | undefined,
): readonly [LookState, LookActions] {
  const [state, patch] = useReducer(patched, INITIAL);
  const worker = useRef<LookThread | undefined>(undefined);
  const choices = useLatest();
  const close = (): void => {
    worker.current?.close();
    worker.current = undefined;
  };
  useEffect(() => {
    patch({ ...NOTHING_READ, phase: "idle" });
    return close;
  }, [model, device]);
  return [
    state,
    {
      setText: (text) => patch({ text }),
      setContinues: (continues) => patch({ continues }),
      fill: (text) =>
        choices.follow(
          text,
          (chosen) => patch({ text: chosen, problem: undefined }),
          (cause) => patch({ problem: reason(cause) }),
        ),
      read: async () => {
        const from = state.continues ? held : undefined;
        patch({ ...NOTHING_READ, before: from?.tokens ?? 0, phase: "opening" });
        const current = (worker.current ??= startWorker(model, device));
        // Messages of the previous model arrive too late.
        const tell = (news: Partial<LookState> | "end"): void => {
          if (worker.current === current) patch(news);
        };
        try {
          const [session] = await Promise.all([from?.save(), current.opened]);
          tell({ phase: "reading" });
          const follow = (segment: SegmentLook, total: number): void => tell({ segments: [segment], total });
          await current.remote.look(sent({ text: state.text, session }), proxy(follow));
          tell("end");
        } catch (cause) {
          tell({ phase: "idle", problem: reason(cause) });
          if (worker.current === current) close();
        }
      },
      chooseSegment: (segment) => patch({ segment, token: 0, earlier: undefined }),
      chooseToken: (token) => patch({ token, earlier: undefined }),
      chooseHead: (place) => patch({ place, earlier: undefined }),
      chooseEarlier: (earlier) => patch({ earlier }),
    },
  ];
}

// --- internal ---

const NOTHING_READ = {
  before: 0,
  segments: [],
  total: 0,
  segment: 0,
  token: 0,
  place: { layer: 0, head: 0 },
  earlier: undefined,
  problem: undefined,
} as const;
const INITIAL: LookState = { ...NOTHING_READ, phase: "idle", text: "", continues: false };

/** Segments are appended, or start again; at the end the last token is selected. */
function patched(state: LookState, change: Partial<LookState> | "end"): LookState {
  if (change === "end") return { ...state, phase: "idle", ...lastToken(state.segments) };
  const segments = change.segments?.length === 0 ? [] : [...state.segments, ...(change.segments ?? [])];
  return { ...state, ...change, segments };
}

/** The last token of the text, and the head that takes most of it from memory. */
function lastToken(segments: readonly SegmentLook[]): Partial<LookState> {
  const last = segments.at(-1);
  if (!last) return {};
  const token = last.tokens.length - 1;
  const heads = last.layers.flatMap((layer, l) =>
    layer.map(({ memoryShare }, head) => ({ layer: l, head, share: memoryShare[token] ?? 0 })),
  );
  const most = heads.reduce((best, each) => (each.share > best.share ? each : best));
  return { segment: last.index, token, place: { layer: most.layer, head: most.head } };
}

/** A request whose session is transferred, not copied. */
function sent(request: LookRequest): LookRequest {
  return transfer(request, request.session ? [request.session.buffer] : []);
}

/** A model in its worker. */
interface LookThread extends WorkerThread<LookWorker> {
  /** Resolves when the model has loaded. */
  readonly opened: Promise<void>;
}

function startWorker(model: ModelSource, device: ChosenDevice): LookThread {
  const thread = workerThread<LookWorker>(new Worker(new URL("./look-worker.ts", import.meta.url), { type: "module" }));
  return { ...thread, opened: thread.result(thread.remote.open(model, device)) };
}
