import type { Comparison } from "infini-lab/compare";
import { useEffect, useState } from "preact/hooks";
import { reason } from "../shared/download.ts";
import { fetchResults, openComparison, type Results } from "./results.ts";

/** A comparison that can be chosen by its name. */
export interface Choice {
  readonly name: string;
  readonly comparison: Comparison;
}

export interface ResultsView {
  /** The results that come with the page; undefined while they are being fetched. */
  readonly results: Results | undefined;
  /** The comparisons of the page, and the last of the user's. */
  readonly choices: readonly Choice[];
  readonly chosen: Choice | undefined;
  readonly problem: string | undefined;
  choose(name: string): void;
  /** Shows a file of the user's instead. */
  open(file: File): Promise<void>;
}

/** The state of the view Compare. */
export function useResults(): ResultsView {
  const [results, setResults] = useState<Results>();
  const [own, setOwn] = useState<Choice>();
  const [name, choose] = useState<string>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    void fetchResults().then(setResults);
  }, []);
  const shipped = results?.comparisons.map((comparison) => ({ name: comparison.title, comparison })) ?? [];
  const choices = own ? [...shipped, own] : shipped;
  return {
    results,
    choices,
    chosen: choices.findLast((choice) => choice.name === name) ?? choices[0],
    problem,
    choose,
    async open(file) {
      setProblem(undefined);
      try {
        setOwn({ name: file.name, comparison: await openComparison(file) });
        choose(file.name);
      } catch (cause) {
        setProblem(reason(cause));
      }
    },
  };
}
