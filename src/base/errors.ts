/**
 * An error whose message says everything the reader needs: what is wrong, and with which flag, key, shape or file. The
 * command line prints the message alone; anything that is not an `InfiniError` is a defect and keeps its stack.
 */
export abstract class InfiniError extends Error {
  /** Which family of errors this is, as in `ERR_CONFIG`. Stable: programs may branch on it. */
  abstract readonly code: string;
}

/** An argument outside the range that a function accepts. The message names it. */
export class OptionError extends InfiniError {
  override name = "OptionError";
  readonly code = "ERR_OPTION";
}
