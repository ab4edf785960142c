import { readdirSync, readFileSync } from "node:fs";
import { join, posix, sep } from "node:path";
import { expect, it } from "vitest";

/** The rooms of `src`, from the bottom up: a room imports from those above it in this list, and from itself. */
const FLOORS = [
  "base",
  "tensor",
  "text",
  "tasks",
  "graph",
  "autodiff",
  "engine",
  "nn",
  "mixers",
  "model",
  "runtime",
  "train",
  "evaluate",
  "platform",
  "cli",
];

/** What may use modules of Node. */
const NODE = /^src\/(cli|platform\/node)\/|^src\/engine\/ort\/ort-node\.ts$/;

const isTest = (file: string): boolean => /\.(test|suite)\.ts$|fixtures\.ts$|\/testing\//.test(file);

const files = readdirSync("src", { recursive: true, encoding: "utf8" })
  .map((file) => join("src", file).split(sep).join("/"))
  .filter((file) => file.endsWith(".ts") && !isTest(file));

it("has a floor for every room", () => {
  const rooms = readdirSync("src", { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(rooms.map(({ name }) => name).toSorted()).toEqual(FLOORS.toSorted());
});

it("imports downwards only", () => {
  const upwards = files.flatMap((file) =>
    importsOf(file)
      .filter((target) => {
        const [from, to] = [floorOf(file), floorOf(target)];
        return target.startsWith("src/") && from >= 0 && to > from;
      })
      .map((target) => `${file} imports ${target}`),
  );
  expect(upwards).toEqual([]);
});

it("needs Node in the command line, in platform/node and in one engine alone", () => {
  const users = files.filter((file) => importsOf(file).some((target) => /^node:|^onnxruntime-node$/.test(target)));
  expect(users.filter((file) => !NODE.test(file))).toEqual([]);
});

it("keeps experiments out of the package", () => {
  expect(
    files.filter((file) => importsOf(file).some((target) => !target.startsWith("src/") && target.startsWith("lab/"))),
  ).toEqual([]);
});

// --- internal ---

function importsOf(file: string): string[] {
  const found = readFileSync(file, "utf8").matchAll(/(?:\bfrom|\bimport|\bimport\()\s*"([^"]+)"/g);
  return [...found].map(([, target = ""]) =>
    target.startsWith(".") ? posix.join(posix.dirname(file), target) : target,
  );
}

function floorOf(file: string): number {
  return FLOORS.indexOf(file.split("/")[1] ?? "");
}
