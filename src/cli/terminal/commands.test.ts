import { Command } from "commander";
import { spawn } from "node:child_process";
import { open } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it, vi } from "vitest";
import { OptionError } from "../../base/errors.ts";
import { runCommands } from "./commands.ts";

afterEach(() => vi.restoreAllMocks());

describe("what a command reports about its errors", () => {
  it("is only the message where the user can do something about it", async () => {
    expect(await toldOf(new OptionError("the depth must be within 0..1, got 2"))).toBe(
      "error: the depth must be within 0..1, got 2\n",
    );
  });

  it.each([
    "std::bad_alloc",
    "Failed to allocate memory for requested buffer of size 9",
    "Array buffer allocation failed",
  ])("says that memory ran out: %s", async (message) => {
    const told = await toldOf(new RangeError(message));
    expect(told).toBe(`error: out of memory: ${message}. Shorter or fewer sequences side by side need less.\n`);
  });

  it.each([
    new RangeError("offset is out of bounds"),
    new TypeError("x is not a function"),
    new RangeError("Invalid typed array length: -1"),
  ])("includes the stack of a defect: %s", async (error) => {
    expect(await toldOf(error)).toMatch(/^error: \w+: .*\n {4}at /);
  });
});

describe("a command whose output cannot be written", () => {
  it("says so, and fails", async () => {
    const full = await open("/dev/full", "w");
    const { code, stderr } = await runMain(["inspect", "paper-lm"], [full.fd, "pipe"]);
    await full.close();
    expect(stderr).toMatch(/^error: standard output cannot be written: ENOSPC.*\n$/);
    expect(code).toBe(1);
  });

  it("fails without standard error too, with nowhere to report it", async () => {
    const full = await open("/dev/full", "w");
    expect(await runMain(["inspect", "nothing"], ["pipe", full.fd])).toMatchObject({ code: 1, stdout: "" });
    await full.close();
    expect(await runMain(["inspect", "nothing"], ["pipe", "pipe"], true)).toMatchObject({ code: 1, stdout: "" });
  });
});

// --- internal ---

async function toldOf(error: Error): Promise<string> {
  let told = "";
  vi.spyOn(process.stderr, "write").mockImplementation((text) => Boolean((told += String(text))));
  vi.spyOn(process.stdout, "on").mockReturnThis();
  vi.spyOn(process.stderr, "on").mockReturnThis();
  const [argv, exitCode] = [process.argv, process.exitCode];
  process.argv = [process.execPath, "infini", "fail"];
  const fail = (): never => {
    throw error;
  };
  const load = async (): Promise<Command> => new Command("fail").action(fail);
  await runCommands(new Command("infini"), { fail: { summary: "fails", load } });
  expect(process.exitCode).toBe(1);
  [process.argv, process.exitCode] = [argv, exitCode];
  return told;
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line with these outputs; `unread` closes the pipe of standard error at once. */
function runMain(args: readonly string[], outputs: readonly (number | "pipe")[], unread = false): Promise<Ended> {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...args], {
    cwd: root,
    stdio: ["ignore", ...outputs],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  if (unread) child.stderr?.destroy();
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
