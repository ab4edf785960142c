import type { NamedModel } from "../engine/models.ts";
import type { ReaderActions, ReaderState } from "../read/use-reader.ts";

/** What every panel gets. */
export interface PanelProps {
  readonly model: NamedModel;
  readonly state: ReaderState;
  readonly actions: ReaderActions;
}
