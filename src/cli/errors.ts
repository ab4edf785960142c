/** A command that was not given what it needs. The message says what, and what would do. */
export class UsageError extends Error {
  override name = "UsageError";
}
