import type { Experiment, Measured, RowOf } from "./experiments.ts";
import type { Plot } from "./plots.ts";
import { inFull, sortedValues, type TextTable } from "./tables.ts";

/**
 * Pass keys in one haystack, a row for each memory and place of the key: table 3 of the paper. None if nothing was
 * measured.
 */
export function passkeyTable(experiments: readonly Experiment[], haystack: string): TextTable | undefined {
  const models = experiments.flatMap(({ name, evaluations }) =>
    evaluations.flatMap((found) =>
      found.kind === "passkey" && found.settings["haystack"] === haystack ? [{ name, rows: found.rows }] : [],
    ),
  );
  if (models.length === 0) return undefined;
  const all = models.flatMap(({ rows }) => rows);
  const lengths = sortedValues(all.map(({ length }) => length));
  const depths = sortedValues(all.map(({ depth }) => depth));
  return {
    head: ["memory", "key", ...lengths.map(inFull)],
    rows: models.flatMap(({ name, rows }) =>
      depths.map((depth) => [
        RULES[name] ?? name,
        DEPTHS.get(depth) ?? String(depth),
        ...lengths.map((length) => passkeyCell(rows.find((row) => row.length === length && row.depth === depth))),
      ]),
    ),
  };
}

/** Recall of as many facts as zoology asks for, right after they are stated. None if nothing was measured. */
export function factsTable(experiments: readonly Experiment[]): TextTable | undefined {
  const models = mqarModels(experiments, (rows) => distancesOf(rows).at(-1) === 0);
  if (models.length === 0) return undefined;
  const columns = sortedValues(models.flatMap(({ rows }) => rows.map(({ pairs }) => pairs)));
  return {
    head: ["memory", ...columns.map((pairs) => `${pairs} facts`)],
    rows: models.map(({ label, rows }) => [
      label,
      ...columns.map((pairs) => {
        const row = rows.find((candidate) => candidate.pairs === pairs);
        return row ? `${share(row.accuracy)} ± ${share(row.standardError)} (${share(row.exact)})` : "";
      }),
    ]),
  };
}

/** Recall over the number of facts, a line for each memory. None if nothing was measured. */
export function factsPlot(experiments: readonly Experiment[]): Plot | undefined {
  const models = mqarModels(experiments, (rows) => distancesOf(rows).length === 1 && distancesOf(rows)[0] !== 0);
  return sharesPlot(models, {
    title: `Accuracy against the number of facts, ${models[0]?.rows[0]?.distance ?? 0} tokens before the questions`,
    axis: "facts",
    place: ({ pairs }) => pairs,
  });
}

/** Recall over the distance between facts and questions, a line for each memory. None if nothing was measured. */
export function distancePlot(experiments: readonly Experiment[]): Plot | undefined {
  const models = mqarModels(experiments, (rows) => distancesOf(rows).length > 1);
  const segment = Math.min(...models.map(({ segmentLength }) => segmentLength));
  return sharesPlot(models, {
    title: `Accuracy against distance, ${models[0]?.rows[0]?.pairs ?? 0} facts`,
    axis: `segments of ${segment} tokens between facts and questions`,
    place: ({ distance }) => distance / segment,
  });
}

/** The tasks of RULER over lengths, and their mean in the last row. None if nothing was measured. */
export function recallTable(experiments: readonly Experiment[]): TextTable | undefined {
  const rows = experiments.flatMap((experiment) => rowsOf(experiment, "recall"));
  if (rows.length === 0) return undefined;
  const lengths = sortedValues(rows.map(({ length }) => length));
  const tasks = [...new Set(rows.map(({ task }) => task))];
  const means = lengths.map((length) => {
    const scores = rows.filter((row) => row.length === length).map(({ score }) => score);
    return share(scores.reduce((sum, score) => sum + score, 0) / scores.length);
  });
  return {
    head: ["task", ...lengths.map(inFull)],
    rows: [
      ...tasks.map((task) => [task, ...lengths.map((length) => recallCell(rows, task, length))]),
      ["mean", ...means],
    ],
  };
}

/** The rows of all evaluations of a kind. */
export function rowsOf<Kind extends Measured["kind"]>({ evaluations }: Experiment, kind: Kind): readonly RowOf<Kind>[] {
  const rows = evaluations.filter((found) => found.kind === kind).flatMap((found): readonly unknown[] => found.rows);
  return rows as readonly RowOf<Kind>[];
}

// --- internal ---

const RULES: Readonly<Record<string, string>> = {
  "passkey-linear": "paper, linear",
  "passkey-delta": "paper, linear + delta",
  "passkey-ours": "ours",
};
const DEPTHS: ReadonlyMap<number, string> = new Map([
  [0, "start"],
  [0.5, "middle"],
  [1, "end"],
]);

interface MqarModel {
  readonly label: string;
  readonly segmentLength: number;
  readonly rows: readonly RowOf<"mqar">[];
}

/** The models, each with its rows of the requested evaluations. */
function mqarModels(
  experiments: readonly Experiment[],
  wanted: (rows: readonly RowOf<"mqar">[]) => boolean,
): MqarModel[] {
  const models = experiments.map(({ name, config, evaluations }) => ({
    label: name.replace(/^facts-/, ""),
    segmentLength: config.model.segmentLength,
    rows: evaluations.flatMap((found) => (found.kind === "mqar" && wanted(found.rows) ? found.rows : [])),
  }));
  return models.filter(({ rows }) => rows.length > 0);
}

function distancesOf(rows: readonly RowOf<"mqar">[]): number[] {
  return sortedValues(rows.map(({ distance }) => distance));
}

interface SharesOptions {
  readonly title: string;
  readonly axis: string;
  place(row: RowOf<"mqar">): number;
}

/** Lines over evenly spaced places, however far apart their numbers are: they grow by factors. */
function sharesPlot(models: readonly MqarModel[], { title, axis, place }: SharesOptions): Plot | undefined {
  if (models.length === 0) return undefined;
  const places = sortedValues(models.flatMap(({ rows }) => rows.map(place)));
  return {
    title,
    axis,
    places: places.map(inFull),
    lines: models.map(({ label, rows }) => ({
      label,
      points: rows.map((row) => [places.indexOf(place(row)), row.accuracy]),
    })),
  };
}

function passkeyCell(row: RowOf<"passkey"> | undefined): string {
  if (!row) return "";
  const { tokenAccuracy, standardError, exactMatch, exactStandardError } = row;
  return `${share(tokenAccuracy)} ± ${share(standardError)} (${share(exactMatch)} ± ${share(exactStandardError)})`;
}

function recallCell(rows: readonly RowOf<"recall">[], task: string, length: number): string {
  const row = rows.find((candidate) => candidate.task === task && candidate.length === length);
  return row ? `${share(row.score)} ± ${share(row.standardError)}` : "";
}

/** 0.953 -> ".95", 1 -> "1.00". */
function share(value: number): string {
  return value.toFixed(2).replace(/^0\./, ".");
}
