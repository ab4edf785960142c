import { InfiniError } from "../../base/errors.ts";

/** A command that was not given what it needs. The message says what is missing or wrong, and what would work. */
export class UsageError extends InfiniError {
  override name = "UsageError";
  readonly code = "ERR_USAGE";
}
