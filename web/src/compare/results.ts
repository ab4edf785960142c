import { parseComparison, parseExperiment, type Comparison, type Experiment } from "infini-lab/compare";

/** What the page shows side by side. */
export interface Results {
  /** Of `npm run lab -- compare`, one for each suite. */
  readonly comparisons: readonly Comparison[];
  /** Of `npm run reproduce`, one for each model. */
  readonly experiments: readonly Experiment[];
}

/** The results that come with the page. A file that is missing or cannot be read is left out. */
export async function fetchResults(): Promise<Results> {
  const all = (urls: readonly string[]): Promise<unknown[]> => Promise.all(urls.map(fetchJson));
  return {
    comparisons: readable(await all(Object.values(COMPARISONS)), parseComparison),
    experiments: readable(await all(Object.values(EXPERIMENTS)), parseExperiment),
  };
}

/** A file of the user's that `npm run lab -- compare` wrote. Throws an Error that names the file and what is wrong with it. */
export async function openComparison(file: File): Promise<Comparison> {
  if (file.size > MOST_BYTES) throw new Error(`${file.name}: is too large for a comparison`);
  const value = parseJson(await file.text());
  if (value === undefined)
    throw new Error(`${file.name}: is not JSON; \`npm run lab -- compare\` writes compare-SUITE.json`);
  if (typeof value !== "object" || value === null || !("systems" in value))
    throw new Error(`${file.name}: is not a comparison; \`npm run lab -- compare\` writes one to compare-SUITE.json`);
  return parseComparison(value, file.name);
}

// --- internal ---

const COMPARISONS = import.meta.glob<string>("../../../results/compare-*.json", {
  query: "?url",
  import: "default",
  eager: true,
});
const EXPERIMENTS = import.meta.glob<string>(["../../../results/*.json", "!../../../results/compare-*.json"], {
  query: "?url",
  import: "default",
  eager: true,
});

/** A file with twelve systems has 0.1 MB. */
const MOST_BYTES = 20e6;

async function fetchJson(url: string): Promise<unknown> {
  try {
    const response = await fetch(url);
    return response.ok ? await response.json() : undefined;
  } catch {
    return undefined;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readable<Parsed>(values: readonly unknown[], parse: (value: unknown) => Parsed): Parsed[] {
  return values.flatMap((value) => {
    try {
      return [parse(value)];
    } catch {
      return [];
    }
  });
}
