import { fileURLToPath } from "node:url";
import type { LoadedModel } from "../../../src/model/transformer.ts";
import { loadModelFolder } from "../../../src/platform/node/model-folder.ts";

/** The repository, where commands and children run. */
export const REPOSITORY = fileURLToPath(new URL("../../../", import.meta.url));

/** The model that comes with the package, `models/passkey`. */
export function loadShippedModel(): Promise<LoadedModel> {
  return loadModelFolder(fileURLToPath(new URL("../../../models/passkey", import.meta.url)));
}
