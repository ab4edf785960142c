import { decodeTokens, encodeText } from "infini-transformer/text";
import { PASSKEY_QUESTION, PASSKEY_TASK, passkeySentence } from "infini-transformer/tasks";
import { askAside, createSession, type Session } from "infini-transformer/runtime";
import { keyValueCacheBytes, parameterCount, type LoadedModel } from "infini-transformer/model";
import type { WebDevice, WebEngine } from "infini-transformer/web";
import { breath } from "../shared/breath.ts";
import { isScored, PIECE } from "./pieces.ts";

/** What is said of a model before it reads. */
export interface ModelFacts {
  readonly parameters: number;
  /** Bytes that it keeps, at every length. */
  readonly stateBytes: number;
  /** What computes it. */
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
  /** Byte to go on from. */
  readonly from: number;
  readonly hidden?: HiddenKey | undefined;
}

/** How far a reader is. */
export interface ReadProgress {
  /** Bytes of the text that are read. */
  readonly at: number;
  /** Tokens of the session, all that it has ever read. */
  readonly position: number;
  /** Tokens read since the call, and the seconds it took. */
  readonly tokens: number;
  readonly seconds: number;
  /** How well the piece that was just read had been foretold; of some pieces only, none of them shorter than a whole one. */
  readonly bitsPerByte?: number;
}

/** A text that cannot be read. */
export class TextError extends Error {
  override name = "TextError";
}

/** A model that reads texts and is asked for pass keys. All that a worker does, apart from being one. */
export interface Reader {
  readonly facts: ModelFacts;
  readonly position: number;
  /** Reads up to the end, or until it is stopped. Throws {@link TextError} for binary data. */
  read(options: ReadOptions, onProgress: (progress: ReadProgress) => void): Promise<ReadProgress>;
  stop(): void;
  /** The number that the model answers with, or nothing. What it remembers stays as it is. */
  ask(): Promise<string>;
  save(): Promise<Uint8Array>;
  load(bytes: Uint8Array, source: string): Promise<void>;
  reset(): Promise<void>;
}

/** A reader that has read nothing. */
export function createReader(loaded: LoadedModel, engine: WebEngine): Reader {
  const { config } = loaded.model;
  const session = createSession({ loaded, engine });
  // What goes wrong here goes wrong again when it is read, and is told then.
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
        // Pieces end where a segment does: those are read the fastest.
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

/** The bytes of a part of a text. Throws {@link TextError} for those that no text has. */
export async function textBytes(text: Blob, start: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(await text.slice(start, end).arrayBuffer());
  const zero = bytes.indexOf(0);
  if (zero >= 0) throw new TextError(`holds binary data at byte ${start + zero}, not text`);
  return bytes;
}

// --- internal ---

/** Reads a piece; bits for each of its bytes but the first, which comes before what it could be foretold from. */
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
const LINE_BREAK = 10;
