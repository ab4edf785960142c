/** One text as byte tokens. */
export interface Document {
  /** Name of the file without its folder; with `:` and the line where it is a line of a JSONL file. */
  readonly name: string;
  readonly tokens: Uint8Array;
}

/** Text that cannot be read. The message names the file, and the line in JSONL. */
export class CorpusError extends Error {
  override name = "CorpusError";
}
