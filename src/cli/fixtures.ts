import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { vi } from "vitest";

/** What a command wrote and how it ended. */
export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** A run so small that it takes less than a second. */
export const tinyRun = {
  model: {
    modelDim: 16,
    numLayers: 2,
    numHeads: 2,
    numKeyValueHeads: 1,
    headDim: 8,
    feedForwardDim: 24,
    segmentLength: 8,
  },
  training: { steps: 2, batch: 2, length: 16, warmupSteps: 1, learningRate: 0.01 },
};

export const TEXT = "It is a way I have of driving off the spleen.\n".repeat(40);

/** Writes {@link tinyRun} as `recipe.json` and {@link TEXT} as `text.txt` to a folder. */
export async function writeRecipe(folder: string): Promise<void> {
  await writeFile(join(folder, "recipe.json"), JSON.stringify(tinyRun));
  await writeFile(join(folder, "text.txt"), TEXT);
}

/** Runs the command line in a separate process. */
export function spawnCommand(args: readonly string[], input = "", env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return outcomeOf(spawnMain(args, env), input);
}

/** Runs the command line with its standard output closed by the reader. */
export function spawnUnread(args: readonly string[]): Promise<Ran> {
  const child = spawnMain(args, {});
  child.stdout.destroy();
  return outcomeOf(child, "");
}

function spawnMain(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, ["--import", "tsx", MAIN, ...args], { cwd: ROOT, env: { ...process.env, ...env } });
}

function outcomeOf(child: ChildProcessWithoutNullStreams, input: string): Promise<Ran> {
  return new Promise((resolve, reject) => {
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ stdout: plain(stdout), stderr: plain(stderr), code: code ?? -1 }));
    child.stdin.on("error", () => {}); // a command that does not read its input may end before it is written
    child.stdin.end(input);
  });
}

/** Runs the command line in this process, which is faster. One at a time. */
export function callCommand(...args: readonly string[]): Promise<Ran> {
  return callMain(MAIN, args);
}

/** As {@link callCommand}, for the commands of `lab`. */
export function callLab(...args: readonly string[]): Promise<Ran> {
  return callMain(LAB, args);
}

async function callMain(main: string, args: readonly string[]): Promise<Ran> {
  const [argv, exitCode] = [process.argv, process.exitCode];
  const ran = { stdout: "", stderr: "", code: 0 };
  let ended = false;
  const capture = (stream: "stdout" | "stderr") =>
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      if (!ended) ran[stream] += typeof text === "string" ? text : new TextDecoder().decode(text);
      return true;
    });
  const spies = [
    capture("stdout"),
    capture("stderr"),
    vi.spyOn(process.stdout, "on").mockReturnThis(), // the error when no one reads any more
    vi.spyOn(process.stderr, "on").mockReturnThis(),
    vi.spyOn(process, "exit").mockImplementation((code) => {
      if (!ended) ran.code = Number(code ?? 0);
      ended = true;
      throw new Error("the process has ended");
    }),
  ];
  try {
    process.argv = [process.execPath, main, ...args];
    process.exitCode = 0;
    vi.resetModules(); // the entry point runs when it is loaded
    await import(main);
    if (!ended) ran.code = Number(process.exitCode);
  } finally {
    for (const spy of spies) spy.mockRestore();
    process.argv = argv;
    process.exitCode = exitCode;
  }
  return { stdout: plain(ran.stdout), stderr: plain(ran.stderr), code: ran.code };
}

// --- internal ---

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const MAIN = join(ROOT, "src", "cli", "main.ts");
const LAB = join(ROOT, "lab", "main.ts");

function plain(text: string): string {
  return stripVTControlCharacters(text);
}
