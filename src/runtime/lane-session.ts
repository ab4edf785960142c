import type { StoredModel } from "../model/transformer.ts";
import { checkLanes, joinParts, singleToken, type LaneTokens } from "./lane-tokens.ts";
import type { Lanes, Snapshot } from "./lanes.ts";
import type { Output } from "./programs.ts";

/**
 * A model that reads a stream. What it keeps has the same size after any number of tokens. Calls run one at a time, in
 * order, except `prepare`, which runs alongside.
 */
export interface Session {
  readonly loaded: StoredModel;
  readonly batch: number;
  /** Tokens read so far, in each lane. */
  readonly position: number;
  /** Bytes of everything kept between calls. */
  readonly stateBytes: number;

  /**
   * Compiles in advance what the first tokens of a stream would wait for: `state` is what {@link Session.read} needs,
   * `losses` {@link Session.score}, `allLogits` {@link Session.logits}, and `logits` the end of {@link
   * Session.prefill}. Default: `state`. The program for a single token is compiled when the first one arrives.
   */
  prepare(...outputs: Output[]): Promise<void>;
  /**
   * Reads any number of tokens, which are copied.
   *
   * @param onProgress Called now and then with the tokens read in this call.
   * @throws {SessionError} for no tokens, tokens outside the vocabulary or lanes of different lengths.
   */
  read(tokens: LaneTokens, onProgress?: (done: number) => void): Promise<void>;
  /**
   * As {@link Session.read}, and returns the logits [B * V] of the next token, which makes the last block take longer.
   */
  prefill(tokens: LaneTokens, onProgress?: (done: number) => void): Promise<Float32Array>;
  /** Reads one token of each lane and returns the logits [B * V] of the next. */
  step(tokens: number | readonly number[]): Promise<Float32Array>;
  /**
   * Reads `tokens` and returns the logits [B * T * V] of what comes after each, lane by lane. They take much memory, 4
   * bytes each: pass a long text in pieces. Pieces that end where a segment ends are read fastest.
   */
  logits(tokens: LaneTokens): Promise<Float32Array>;
  /**
   * Reads `tokens` and returns the cross-entropy in nats of each of `targets`, the tokens one later, lane by lane.
   */
  score(tokens: LaneTokens, targets: LaneTokens): Promise<Float32Array>;

  /**
   * The state as a safetensors file. The first call goes through all weights, to identify the model.
   */
  save(): Promise<Uint8Array>;
  /**
   * Continues from a saved state. Throws {@link SessionError} or SafetensorsError, and does not change, when the state
   * does not fit.
   */
  load(bytes: Uint8Array, source: string): Promise<void>;
  /**
   * The current state. It takes no more memory than a state, and no time: it is copied only from a device with its own
   * memory.
   */
  snapshot(): Promise<Snapshot>;
  /**
   * Continues from a snapshot. Throws {@link SessionError} for one from another model or with another number of lanes.
   */
  restore(snapshot: Snapshot): Promise<void>;
  /** Forgets everything. */
  reset(): Promise<void>;
  /** Stops any reading after its current block, which then throws {@link SessionError}, and frees everything. */
  dispose(): Promise<void>;
}

/** Lanes that advance together, as a session. */
export function sessionOf(lanes: Lanes): Session {
  const { loaded, batch, stateBytes } = lanes;
  const { vocabularySize } = loaded.model.config;
  const each = (tokens: LaneTokens): readonly Int32Array[] => checkLanes(tokens, batch, vocabularySize);
  return {
    loaded,
    batch,
    stateBytes,
    get position() {
      return lanes.positions[0] ?? 0;
    },
    prepare: lanes.prepare,
    async read(tokens, onProgress) {
      await lanes.read(each(tokens), "state", { onProgress });
    },
    prefill: async (tokens, onProgress) => joinParts(await lanes.read(each(tokens), "logits", { onProgress })),
    async step(tokens) {
      const own = (typeof tokens === "number" ? [tokens] : tokens).map(singleToken);
      return joinParts(await lanes.read(each(own), "logits"));
    },
    logits: async (tokens) => joinParts(await lanes.read(each(tokens), "allLogits")),
    async score(tokens, targets) {
      const [own, goals] = [each(tokens), each(targets)];
      return joinParts(await lanes.read(own, "losses", { targets: goals }));
    },
    save: lanes.save,
    load: lanes.load,
    snapshot: lanes.snapshot,
    restore: lanes.restore,
    reset: () => lanes.clear(),
    dispose: lanes.dispose,
  };
}
