import { decodeTokens, encodeText } from "infini-transformer/text";
import { PASSKEY_QUESTION, PASSKEY_TASK, passkeySentence } from "infini-transformer/tasks";
import { askAside, createSession, type Session } from "infini-transformer/runtime";
import { keyValueCacheBytes, parameterCount, type LoadedModel } from "infini-transformer/model";
import type { WebDevice, WebEngine } from "infini-transformer/web";
import { breath } from "../shared/breath.ts";
import { textBytes } from "../shared/texts.ts";
import { isScored, PIECE } from "./pieces.ts";

/** What is known about a model before it reads. */
export interface ModelFacts {
  readonly parameters: number;
  /** Bytes that it keeps, at any length. */
  readonly stateBytes: number;
  /** The device that computes it. */
  readonly device: WebDevice;
  /** Bytes a key/value cache of full attention would take for one token. */
  readonly cacheBytesPerToken: number;
}

export interface HiddenKey {
  readonly key: string;
  /** Byte of the text before which the sentence with the key goes. */
  readonly position: number;
}

export interface ReadOptions {
  readonly text: Blob;
  /** Byte to continue from. */
  readonly from: number;
  readonly hidden?: HiddenKey | undefined;
}

/** How far a reader is. */
export interface ReadProgress {
  /** Bytes of the text that are read. */
  readonly at: number;
  /** All tokens that the session has read. */
  readonly position: number;
  /** Tokens read since the call, and the seconds it took. */
  readonly tokens: number;
  readonly seconds: number;
  /** How well the piece just read was predicted; only for some of the whole pieces. */
  readonly bitsPerByte?: number;
}

/** A model that reads texts and answers for pass keys: all the work of the worker, without being one. */
export interface Reader {
  readonly facts: ModelFacts;
  readonly position: number;
  /** Reads up to the end, or until it is stopped. Throws TextError for binary data. */
  read(options: ReadOptions, onProgress: (progress: ReadProgress) => void): Promise<ReadProgress>;
  stop(): void;
  /** The number that the model answers with, or an empty string. Asking does not change what it remembers. */
  ask(): Promise<string>;
  save(): Promise<Uint8Array>;
  load(bytes: Uint8Array, source: string): Promise<void>;
  reset(): Promise<void>;
}

/** A reader that has read nothing. */
export function createReader(loaded: LoadedModel, engine: WebEngine): Reader {
  const { config } = loaded.model;
  const session = createSession({ loaded, engine });
  // An error here occurs again when the text is read, and is reported then.
  session.prepare("state", "losses").catch(() => {});
  let stopped = false;
  return {
    facts: {
      parameters: parameterCount(config),
      stateBytes: session.stateBytes,
      device: engine.device,
      cacheBytesPerToken: keyValueCacheBytes(config, 1),
    },
    get position() {
      return session.position;
    },
    async read({ text, from, hidden }, onProgress) {
      stopped = false;
      const [before, started] = [session.position, performance.now()];
      const progress = (at: number): ReadProgress => ({
        at,
        position: session.position,
        tokens: session.position - before,
        seconds: (performance.now() - started) / 1000,
      });
      if (session.position === 0) await session.read(encodeText(`${PASSKEY_TASK}\n`));
      for (let at = from; ; await breath()) {
        if (stopped) return progress(at);
        if (hidden?.position === at) await session.read(encodeText(`\n${passkeySentence(hidden.key)}\n`));
        if (at >= text.size) return progress(at);
        // Pieces end where a segment does, since those are read fastest.
        const end = Math.min(at + PIECE - (session.position % PIECE), text.size);
        const until = hidden && at < hidden.position ? Math.min(end, hidden.position) : end;
        const piece = Int32Array.from(await textBytes(text, at, until));
        const bitsPerByte = piece.length === PIECE && isScored(at, text.size) ? await score(session, piece) : undefined;
        if (bitsPerByte === undefined) await session.read(piece);
        at = until;
        onProgress({ ...progress(at), ...(bitsPerByte !== undefined && { bitsPerByte }) });
      }
    },
    stop() {
      stopped = true;
    },
    async ask() {
      const [answer = []] = await askAside(session, encodeText(`\n${PASSKEY_QUESTION}`), {
        maxTokens: ANSWER_TOKENS,
        stopAfter: (token) => token === FULL_STOP,
        lineBreak: LINE_BREAK,
      });
      return decodeTokens(answer).match(/\d+/)?.[0] ?? "";
    },
    save: () => session.save(),
    load: (bytes, source) => session.load(bytes, source),
    reset: () => session.reset(),
  };
}

// --- internal ---

/** Reads a piece; the mean bits of its bytes without the first, which nothing here predicts. */
async function score(session: Session, piece: Int32Array): Promise<number> {
  const last = piece.length - 1;
  const losses = await session.score(
    piece,
    Int32Array.from(piece, (_, i) => piece[Math.min(i + 1, last)] ?? 0),
  );
  return losses.subarray(0, last).reduce((sum, loss) => sum + loss, 0) / last / Math.LN2;
}

/** Tokens of the longest answer: a space, five digits, a full stop. */
const ANSWER_TOKENS = 7;
const FULL_STOP = 46;
const LINE_BREAK = [10];
