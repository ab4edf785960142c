/** How a segment is written to the memory. `linear`: eq. 8; `delta`: eq. 9; `token-delta`: see token-delta.ts. */
export const MEMORY_UPDATES = ["linear", "delta", "token-delta"] as const;
export type MemoryUpdate = (typeof MEMORY_UPDATES)[number];

/** How strongly a token is written under `token-delta`; a hard sigmoid can leave a token out altogether. */
export const WRITE_STRENGTHS = ["sigmoid", "hard-sigmoid"] as const;
export type WriteStrength = (typeof WRITE_STRENGTHS)[number];

/** What an Infini-attention layer is made from. */
export interface InfiniConfig {
  readonly modelDim: number; // D
  readonly numHeads: number; // H
  /** Heads of keys, values and memories; each serves numHeads / numKeyValueHeads query heads. */
  readonly numKeyValueHeads: number; // K
  /** Size of a query, key and value, and of both sides of the memory. Even. */
  readonly headDim: number; // d
  readonly segmentLength: number; // N
  readonly ropeBase: number;
  readonly normEpsilon: number;
  readonly memory: {
    readonly update: MemoryUpdate;
    /** Initial value of the gate beta of eq. 10; 0 gives both paths the same share. */
    readonly gateInit: number;
    /** Whether queries, keys and values also see the token before theirs. */
    readonly tokenShift: boolean;
    readonly writeStrength: WriteStrength;
  };
}
