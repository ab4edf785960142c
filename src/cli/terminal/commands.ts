import { Command } from "commander";
import { createRequire } from "node:module";
import { InfiniError } from "../../base/errors.ts";

/** A command that is loaded on demand, so that help and errors appear at once. */
export interface LazyCommand {
  readonly summary: string;
  load(): Promise<Command>;
}

/** Runs the command that the arguments of this process name, and sets the exit code. */
export async function runCommands(
  program: Command,
  commands: Readonly<Record<string, LazyCommand>>,
  name = process.argv[2],
): Promise<void> {
  endWhenNothingCanBeWritten();
  try {
    for (const [command, { summary, load }] of Object.entries(commands)) {
      if (command === name) program.addCommand((await load()).copyInheritedSettings(program).summary(summary));
      else program.command(command).summary(summary);
    }
    await program.showSuggestionAfterError().parseAsync();
  } catch (error) {
    process.stderr.write(`error: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

/** The version of this package. */
export function packageVersion(): string {
  return (createRequire(import.meta.url)("../../../package.json") as { version: string }).version;
}

// --- internal ---

/**
 * An {@link InfiniError} needs only its message, and memory may run out; anything else is a defect and keeps its stack.
 */
function messageOf(error: unknown): string {
  if (error instanceof InfiniError) return error.message;
  if (error instanceof Error && OUT_OF_MEMORY.test(error.message))
    return `out of memory: ${error.message}. Shorter or fewer sequences side by side need less.`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** What ONNX Runtime, C++ and V8 say when they cannot get memory. */
const OUT_OF_MEMORY =
  /Failed to allocate memory|bad_alloc|Array buffer allocation failed|Invalid typed array length: \d{9}/;

/**
 * The reader of standard output may have seen enough, `infini inspect MODEL | head`; or its file has no room. Without
 * standard error there is nowhere to report it.
 */
function endWhenNothingCanBeWritten(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit();
    process.stderr.write(`error: standard output cannot be written: ${error.message}\n`);
    process.exit(1);
  });
  process.stderr.on("error", () => process.exit(1));
}
