import { Command, Option } from "commander";
import { suggestion } from "../../src/base/parse-config.ts";
import { SPLITS } from "../datasets/dataset.ts";
import { DATASETS, prepareDataset, prepareFolder } from "../datasets/index.ts";
import type { DatasetReport } from "../datasets/write.ts";
import { UsageError } from "../../src/cli/terminal/errors.ts";
import { jsonOption, wholeNumber } from "../../src/cli/terminal/options.ts";
import {
  createProgress,
  formatBytes,
  formatCount,
  print,
  renderTable,
  writeJson,
  type Progress,
} from "../../src/cli/terminal/output.ts";

interface DataFlags {
  readonly out?: string;
  readonly from?: string;
  readonly deb?: string;
  readonly seed: number;
  readonly force: boolean;
  readonly list: boolean;
  readonly json?: string;
}

/** The dataset that is not in a package: the user's own folder. */
const FOLDER = "folder";
const NAMES = [...Object.keys(DATASETS), FOLDER];

export function dataCommand(): Command {
  return new Command("data")
    .description(
      "Prepare text: folders train, validation and test of .txt files, as in PG-19, next to a data.json with sources and checksums.",
    )
    .argument("[name]", `what to prepare: ${NAMES.join(", ")}`)
    .option("--list", "show the datasets and their sources", false)
    .option("--out <folder>", "an empty or new folder for the texts")
    .option(
      "--from <folder>",
      `${FOLDER}: a folder of .txt and .jsonl files, in folders train, validation and test or not`,
    )
    .option("--deb <file>", "the Debian package, or the folder it is unpacked in (default: apt-get downloads it)")
    .addOption(new Option("--seed <number>", `${FOLDER}: seed of its split`).argParser(wholeNumber(0)).default(0))
    .option("--force", "replace a dataset in the output folder", false)
    .addOption(jsonOption())
    .action(runData);
}

// --- internal ---

async function runData(name: string | undefined, flags: DataFlags): Promise<void> {
  if (flags.list) return list(flags.json);
  if (name === undefined) throw new UsageError(`name what to prepare: ${NAMES.join(", ")}; --list says what they are`);
  if (!NAMES.includes(name))
    throw new UsageError(`"${name}" is not a dataset${suggestion(name, NAMES)}; there are ${NAMES.join(", ")}`);
  const report = await prepare(name, flags);
  print(describe(report, flags), flags.json);
  await writeJson(report, flags.json);
}

async function prepare(name: string, { out, from, deb, seed, force }: DataFlags): Promise<DatasetReport> {
  if (out === undefined) throw new UsageError("--out: name a folder for the texts");
  let progress: Progress | undefined;
  const options = {
    out,
    force,
    onStep: (step: string) => void process.stderr.write(`${step}\n`),
    onProgress(done: number, total: number) {
      progress ??= createProgress("write", total, "bytes");
      progress.update(done);
    },
  };
  try {
    if (name !== FOLDER) {
      if (from !== undefined) throw new UsageError(`--from: is for ${FOLDER}, not for ${name}`);
      return await prepareDataset(name, { ...options, ...(deb !== undefined && { deb }) });
    }
    if (from === undefined) throw new UsageError(`--from: name the folder of texts`);
    if (deb !== undefined) throw new UsageError(`--deb: ${FOLDER} needs no Debian package`);
    return await prepareFolder({ ...options, from, seed });
  } finally {
    progress?.stop();
  }
}

function describe({ sources, split, splits }: DatasetReport, { out }: DataFlags): string {
  const rows = SPLITS.map((part) => [part, formatCount(splits[part].documents), formatBytes(splits[part].bytes)]);
  const lines = sources.map(({ name, version = "of unknown version", licence, known }) => {
    const warning = known ? "" : "; not a known package file, so the texts may differ";
    return `${name} ${version}${warning}\nlicence: ${licence}`;
  });
  return [...lines, `split: ${split}`, renderTable(["", "documents", "bytes"], rows), `${out} holds the texts.`].join(
    "\n",
  );
}

async function list(json: string | undefined): Promise<void> {
  const datasets = Object.entries(DATASETS).map(([name, { summary, split, sources }]) => ({
    name,
    summary,
    split,
    sources: sources.map(({ manager, name: title, version, licence }) => ({ manager, name: title, version, licence })),
  }));
  for (const { name, summary, split, sources } of datasets) {
    print(`${name}: ${summary}\n  split: ${split}`, json);
    for (const source of sources) {
      const needs = source.manager === "npm" ? "npm and tar" : "apt-get and dpkg-deb";
      print(`  from: ${source.name} ${source.version}, by ${needs}\n  licence: ${source.licence}`, json);
    }
  }
  print(
    `${FOLDER}: a folder of your own, --from it\n  split: its own, or 5 % test and 5 % validation by document`,
    json,
  );
  await writeJson(datasets, json);
}
