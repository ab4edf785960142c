import type { Engine } from "../engine/engine.ts";
import type { StoredModel } from "../model/transformer.ts";
import type { Session } from "./lane-session.ts";
import type { LanesOptions } from "./lanes.ts";
import { createRuntime } from "./runtime.ts";

export type { Session } from "./lane-session.ts";

export interface SessionOptions extends LanesOptions {
  readonly loaded: StoredModel;
  readonly engine: Engine;
}

/** A session that has read nothing, in its own runtime. Several sessions of one model are cheaper in one {@link createRuntime}. */
export function createSession({ loaded, engine, ...options }: SessionOptions): Session {
  const runtime = createRuntime({ loaded, engine });
  const session = runtime.session(options);
  return {
    ...session,
    get position() {
      return session.position;
    },
    async dispose() {
      await session.dispose();
      await runtime.dispose();
    },
  };
}
