import { z } from "zod";
import type { MixerKind } from "../kind.ts";
import { mamba2Multiplications } from "./cost.ts";
import { mamba2 } from "./mixer.ts";

const count = z.int().positive();

export const mamba2Schema = z.strictObject({
  kind: z.literal("mamba2"),
  expand: z.number().positive().default(2),
  /** Size of a head. */
  headDim: count.default(64),
  /** Rows of each head's state. */
  stateDim: count.default(128),
});
export const mamba2Kind: MixerKind<typeof mamba2Schema> = {
  schema: mamba2Schema,
  layer({ modelDim, segmentLength, normEpsilon }, { expand, headDim, stateDim }) {
    const config = { modelDim, segmentLength, normEpsilon, expand, headDim, stateDim };
    return {
      mixer: mamba2(config),
      multiplications: mamba2Multiplications(config),
    };
  },
};
