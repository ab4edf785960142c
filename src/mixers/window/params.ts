import type { ProjectionParams } from "../shared/projections.ts";

/** Weights of a layer of sliding-window attention. */
export type WindowParams<W> = ProjectionParams<W>;
