/** The cost of a model with the shape of SmolLM2-135M: memory and times, each in its own process. See README.md. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import { formatBytes, formatCount, print, renderTable, writeJson } from "../../src/cli/terminal/output.ts";
import { readJson, toJson, writeAtomically } from "../../src/platform/node/files.ts";
import { measureInChild } from "./lib/child.ts";
import type { Readings } from "./lib/measure.ts";
import { REPOSITORY } from "./lib/shipped-model.ts";
import { countSource } from "./lib/source-counts.ts";

const SMOLLM2 = {
  vocabularySize: 49_152,
  modelDim: 576,
  numLayers: 30,
  numHeads: 9,
  numKeyValueHeads: 3,
  headDim: 64,
  feedForwardDim: 1_536,
  segmentLength: 256,
};
const TINY = { ...SMOLLM2, vocabularySize: 300, modelDim: 16, numLayers: 2, headDim: 2, feedForwardDim: 32 };

/** Layers of the trained model: few, so that the cost of the vocabulary stands out. */
const TRAINED_LAYERS = 2;

const MEMORIES = { none: { memory: { update: "none", shift: "none" } }, default: {} } as const;

/**
 * The measurements, and what each reads. `x` marks memory that is also reported relative to the bytes of the weights.
 */
const MEASUREMENTS: Readonly<Record<string, Readonly<Record<string, { label: string; unit: "s" | "B" | "x" | "" }>>>> =
  {
    make: { weights: { label: "weights", unit: "B" } },
    start: {
      firstToken: { label: "load to first token", unit: "s" },
      afterToken: { label: "resident after one token", unit: "x" },
      afterBlock: { label: "resident after a block of 1,024 tokens", unit: "x" },
      readingPeak: { label: "peak of that process", unit: "x" },
    },
    second: { secondSession: { label: "a second session of the same model", unit: "B" } },
    files: {
      save: { label: "saving a session", unit: "s" },
      load: { label: "loading a session", unit: "s" },
      sessionFile: { label: "a saved session", unit: "B" },
    },
    short: {
      readTwo: { label: "reading 2 tokens", unit: "s" },
      readSixtyFour: { label: "reading 64 tokens", unit: "s" },
    },
    sampling: { sample: { label: "drawing a token at temperature 0.8", unit: "s" } },
    training: {
      trainingPeak: { label: `peak of a training step, ${TRAINED_LAYERS} layers, 2,048 tokens`, unit: "B" },
      trainingStep: { label: "that step", unit: "s" },
    },
    graph: {
      constants: { label: "constants made for the graph of a block", unit: "" },
      constantsCompiled: { label: "constants left in it", unit: "" },
    },
    source: {
      files: { label: "files in src, without tests", unit: "" },
      lines: { label: "lines", unit: "" },
      casts: { label: "casts", unit: "" },
      allFiles: { label: "files in src and lab (once bench, reproduce)", unit: "" },
      allLines: { label: "lines", unit: "" },
      allCasts: { label: "casts", unit: "" },
    },
  };
const NAMES = Object.keys(MEASUREMENTS);

interface Flags {
  readonly memory: keyof typeof MEMORIES;
  readonly only?: readonly string[];
  readonly quick: boolean;
  readonly child: string;
  readonly graphChild: string;
  readonly source: string;
  readonly json?: string;
  readonly beside?: string;
}

const flags = new Command("bench:house")
  .description(
    "Measure the cost of a model with the shape of SmolLM2-135M and random weights. Build first: npm run build.",
  )
  .addOption(
    new Option("--memory <kind>", "the memory of its layers").choices(Object.keys(MEMORIES)).default("default"),
  )
  .addOption(
    new Option("--only <names>", `what to measure, separated by commas: ${NAMES.join(", ")}`).argParser((text) =>
      text.split(","),
    ),
  )
  .option("--quick", "a tiny model, only to check that everything runs", false)
  .option("--child <file>", "the program that measures: a copy of children/house.ts for another version", "house.ts")
  .option("--graph-child <file>", "the same for children/house-graph.ts", "house-graph.ts")
  .option("--source <folder>", "the checkout whose source is counted", REPOSITORY)
  .option("--json <file>", "write the readings to a file too, or to standard output with -")
  .option("--beside <file>", "readings of another version, for a column next to these")
  .parse()
  .opts<Flags>();

await main(flags);

async function main(given: Flags): Promise<void> {
  const before = given.beside === undefined ? {} : ((await readJson(given.beside)) as Readings);
  const folder = await mkdtemp(join(tmpdir(), "infini-house-"));
  try {
    const now = await measureAll(given, folder);
    print(renderReadings(before, now), given.json);
    await writeJson(now, given.json);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function measureAll(given: Flags, folder: string): Promise<Readings> {
  const config = { ...(given.quick ? TINY : SMOLLM2), ...MEMORIES[given.memory] };
  await writeConfig(folder, config);
  const readings: Record<string, number> = {};
  for (const name of NAMES.filter((known) => known === "make" || (given.only?.includes(known) ?? true))) {
    if (name === "training") await writeConfig(folder, { ...config, numLayers: TRAINED_LAYERS });
    Object.assign(readings, await measure(name, given, folder));
    if (name === "training") await writeConfig(folder, config);
  }
  return readings;
}

async function measure(name: string, { quick, ...given }: Flags, folder: string): Promise<Readings> {
  if (name === "source") return sourceCounts(resolve(given.source));
  if (name === "graph") return measureInChild(given.graphChild, { folder });
  const tokens = quick ? 512 : name === "training" ? 2048 : 1024;
  return measureInChild(given.child, { measurement: name, folder, tokens });
}

async function sourceCounts(checkout: string): Promise<Readings> {
  const { files, lines, casts } = await countSource([join(checkout, "src")]);
  const all = await countSource(["src", "lab", "bench", "reproduce"].map((folder) => join(checkout, folder)));
  return { files, lines, casts, allFiles: all.files, allLines: all.lines, allCasts: all.casts };
}

function writeConfig(folder: string, config: object): Promise<void> {
  return writeAtomically(join(folder, "config.json"), toJson(config));
}

/** A line for each reading, with that of another version before it. */
function renderReadings(before: Readings, now: Readings): string {
  const rows = Object.values(MEASUREMENTS).flatMap((kinds) =>
    Object.entries(kinds)
      .filter(([name]) => now[name] !== undefined)
      .map(([name, { label, unit }]) => [label, inWords(before, name, unit), inWords(now, name, unit)]),
  );
  return renderTable(["", "beside", "now"], rows);
}

function inWords(readings: Readings, name: string, unit: string): string {
  const [value, weights] = [readings[name], readings["weights"] ?? Number.NaN];
  if (value === undefined) return "–";
  if (unit === "s") return `${(1000 * value).toPrecision(3)} ms`;
  if (unit === "B") return formatBytes(value);
  return unit === "x" ? `${formatBytes(value)} = ${(value / weights).toFixed(2)} x weights` : formatCount(value);
}
