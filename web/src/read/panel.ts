import type { NamedModel } from "../engine/models.ts";
import type { ReaderActions, ReaderState } from "./use-reader.ts";

/** The properties of every panel. */
export interface PanelProps {
  readonly model: NamedModel;
  readonly state: ReaderState;
  readonly actions: ReaderActions;
}
