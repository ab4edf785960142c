import { InfiniError } from "../base/errors.ts";

/** Tokens of a text: bytes, or those of a tokenizer with a larger vocabulary. */
export type Tokens = Uint8Array | Int32Array;

/** One text as tokens. */
export interface Document<T extends Tokens = Tokens> {
  /** Name of the file without its folder; with `:` and the line where it is a line of a JSONL file. */
  readonly name: string;
  readonly tokens: T;
}

/** One text as read from a file: its tokens are its bytes. */
export type TextDocument = Document<Uint8Array>;

/** Text that cannot be read. The message names the file, and for JSONL the line. */
export class CorpusError extends InfiniError {
  override name = "CorpusError";
  readonly code = "ERR_CORPUS";
}
