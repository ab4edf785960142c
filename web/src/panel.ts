import type { NamedModel } from "./models.ts";
import type { ReaderActions, ReaderState } from "./use-reader.ts";

/** What every panel gets. */
export interface PanelProps {
  readonly model: NamedModel;
  readonly state: ReaderState;
  readonly actions: ReaderActions;
}
