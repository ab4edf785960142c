import type { ReaderActions, ReaderState } from "./use-reader.ts";

/** What every panel gets. */
export interface PanelProps {
  readonly state: ReaderState;
  readonly actions: ReaderActions;
}
