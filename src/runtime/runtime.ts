import type { Engine } from "../engine/engine.ts";
import { shareValues } from "../engine/store/store.ts";
import { named } from "../graph/names.ts";
import type { StoredModel } from "../model/transformer.ts";
import type { HostTensor } from "../tensor/host-tensor.ts";
import { createLanes, type Lanes, type LanesOptions, type RuntimeParts } from "./lanes.ts";
import { createPrograms } from "./runtime-programs.ts";
import { sessionOf, type Session } from "./lane-session.ts";

/**
 * A model on an engine: its weights, kept once, and its programs, each compiled once. Any number of lanes and sessions
 * run in it, and each costs only the state that it keeps.
 */
export interface Runtime {
  readonly loaded: StoredModel;
  /** Lanes that have read nothing. */
  lanes(options?: LanesOptions): Lanes;
  /** A session that has read nothing. */
  session(options?: LanesOptions): Session;
  /** Frees the weights and the programs. Dispose of its lanes and sessions first, each separately. */
  dispose(): Promise<void>;
}

export interface RuntimeOptions {
  readonly loaded: StoredModel;
  readonly engine: Engine;
}

export function createRuntime(options: RuntimeOptions): Runtime {
  const { loaded, engine } = options;
  const weights = shareValues(engine, named<HostTensor>("params", loaded.params));
  const programs = createPrograms(loaded);
  const parts: RuntimeParts = { loaded, engine, weights, programs };
  return {
    loaded,
    lanes: (own) => createLanes(parts, own),
    session: (own) => sessionOf(createLanes(parts, own)),
    async dispose() {
      await programs.dispose();
      await weights.dispose();
    },
  };
}
