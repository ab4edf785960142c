/** Measures, and keeps the budget of what is computed. See README.md. */
import { Command } from "commander";
import { print } from "../src/cli/output.ts";
import { BUDGET_FILE, updateBudget } from "./lib/budget.ts";

const { updateBudget: update } = new Command("bench")
  .description("Keep the budget of what is computed and moved in a step.")
  .option("--update-budget", `make what the code does now the budget, ${BUDGET_FILE}`, false)
  .parse()
  .opts<{ updateBudget: boolean }>();

if (update) for (const line of await updateBudget()) print(line);
