import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { budgetProblem, BUDGETED, currentTraffic, readBudget, UPDATE_COMMAND, updateBudget } from "./budget.ts";

describe("the budget of what is computed and moved", () => {
  const now = currentTraffic();

  it("is kept by every configuration, and names no others", async () => {
    const budget = await readBudget();
    const problems = Object.keys(BUDGETED).map((name) => budgetProblem(name, now[name] ?? NOTHING, budget[name]));
    expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
    expect(Object.keys(budget)).toEqual(Object.keys(BUDGETED));
  });

  it("is exceeded by one more operation, or one more byte", () => {
    const budget = { operations: 100, bytes: 1000 };
    expect(budgetProblem("step", budget, budget)).toBeUndefined();
    expect(budgetProblem("step", { operations: 101, bytes: 1000 }, budget)).toMatch(
      /^step does more than its budget: 101 operations, budget 100 \(\+1\.0 %\)\. .*--update-budget, and say why/,
    );
    expect(budgetProblem("step", { operations: 90, bytes: 1001 }, budget)).toMatch(/more .*1,001 bytes/);
  });

  it("should be lowered where there is room in it, but not for a trifle", () => {
    const budget = { operations: 100, bytes: 1000 };
    expect(budgetProblem("step", { operations: 99, bytes: 985 }, budget)).toBeUndefined();
    expect(budgetProblem("step", { operations: 99, bytes: 900 }, budget)).toMatch(/less than before: 900 bytes, .*-10/);
    expect(budgetProblem("step", budget, undefined)).toContain(UPDATE_COMMAND);
  });

  it("is rewritten with what has changed", async () => {
    const folder = await mkdtemp(join(tmpdir(), "infini-budget-"));
    const file = join(folder, "budget.json");
    expect((await updateBudget(file)).length).toBe(2 * Object.keys(BUDGETED).length);
    expect(await readBudget(file)).toEqual(now);
    expect(await updateBudget(file)).toEqual([]);
    await rm(folder, { recursive: true });
  });
});

const NOTHING = { operations: 0, bytes: 0 };
