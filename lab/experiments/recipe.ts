import type { MemoryUpdate } from "../../src/mixers/infini/config.ts";
import { readJson } from "../../src/platform/node/files.ts";
import { choosesWrites } from "../../src/model/config.ts";
import { parseRunConfig, type RunConfig } from "../../src/train/config.ts";
import type { ModelSource } from "./experiments.ts";
import { inRepository } from "./texts.ts";

/** The run config of an experiment: its recipe with the changes. Throws FileError or ConfigError. */
export async function runConfigOf({ recipe, model, training, oneSegment }: ModelSource): Promise<RunConfig> {
  const base = (await readJson(inRepository(recipe))) as RecipeFile;
  const changed = {
    model: { ...base.model, ...model },
    training: { ...base.training, ...training },
  };
  return parseRunConfig(withoutPrice(oneSegment ? inOneSegment(changed) : changed), recipe);
}

// --- internal ---

/** The parts of a recipe file that are read before it is checked. */
interface RecipeFile {
  readonly model: { readonly memory?: { readonly update?: MemoryUpdate }; readonly segmentLength?: number };
  readonly training: Stage & { readonly curriculum?: readonly Stage[] };
}

interface Stage {
  readonly batch: number;
  readonly length: number;
  readonly writePenalty?: number;
  readonly writeMargin?: number;
}

/** A memory that writes everything it is given has nothing to penalize. */
function withoutPrice(recipe: RecipeFile): RecipeFile {
  const { update } = recipe.model.memory ?? {};
  if (update === undefined || choosesWrites(update)) return recipe;
  return {
    ...recipe,
    training: eachStage(recipe.training, ({ writePenalty: _p, writeMargin: _m, ...stage }) => stage),
  };
}

/** Every stage with segments as long as its sequences. */
function inOneSegment({ model, training }: RecipeFile): RecipeFile {
  const { curriculum = [], ...main } = training;
  return {
    model: { ...model, segmentLength: main.length },
    training: { ...main, curriculum: curriculum.map((stage) => ({ ...stage, segmentLength: stage.length })) },
  };
}

function eachStage(
  training: RecipeFile["training"],
  change: <S extends Stage>(stage: S) => S | Stage,
): RecipeFile["training"] {
  const { curriculum = [], ...main } = training;
  return { ...change(main), curriculum: curriculum.map((stage) => change(stage)) };
}
