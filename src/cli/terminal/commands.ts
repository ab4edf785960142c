import { Command } from "commander";
import { createRequire } from "node:module";
import { InfiniError } from "../../base/errors.ts";

/** A command that is loaded when it is asked for, so that help and errors come at once. */
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
  endQuietlyWhenNobodyReads();
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

/** The message of an {@link InfiniError} says everything; anything else is a defect and keeps its stack. */
function messageOf(error: unknown): string {
  if (error instanceof InfiniError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The reader of standard output may have seen enough: `infini inspect MODEL | head`. */
function endQuietlyWhenNobodyReads(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
}
