import { OptionError } from "../base/errors.ts";
import type { Session } from "../runtime/session.ts";

/** Tokens of a document from one position up to another, exclusive; without an end, all that follow. */
export interface PositionBin {
  readonly from: number;
  readonly to?: number;
}

export interface MeasuredBin extends PositionBin {
  /** Predicted tokens in it, over all documents. */
  readonly tokens: number;
  readonly bitsPerByte: number;
}

/** How well a model predicts documents, each read from its start with an empty memory. Tokens are bytes. */
export interface DocumentsResult {
  /** Mean over all predicted tokens of all documents. */
  readonly bitsPerByte: number;
  /** exp of the mean cross-entropy of a token in nats. */
  readonly perplexity: number;
  readonly tokens: number;
  readonly tokensPerSecond: number;
  /** Empty bins are left out. */
  readonly byPosition: readonly MeasuredBin[];
}

export interface DocumentsOptions {
  /** Where bins begin, rising from 0; the last has no end. Default: one bin. */
  readonly edges?: readonly number[];
  /** Called with the tokens done and the total. */
  onProgress?(done: number, total: number): void;
  /** Tokens between two calls of `onProgress`. Default 16,384. */
  readonly reportEvery?: number;
}

/**
 * Streams each document through a session of one lane that forgets everything before it. Throws `OptionError` for a
 * document of fewer than two tokens, and when there are no documents.
 */
export async function evaluateDocuments(
  session: Session,
  documents: readonly Int32Array[],
  { edges = [0], onProgress, reportEvery = 16_384 }: DocumentsOptions = {},
): Promise<DocumentsResult> {
  if (documents.length === 0 || documents.some(({ length }) => length < 2))
    throw new OptionError("there must be at least one document, each of two tokens or more");
  const total = documents.reduce((sum, { length }) => sum + length - 1, 0);
  const started = performance.now();
  const sums = edges.map(() => ({ nats: 0, tokens: 0 }));
  let done = 0;
  for (const document of documents) {
    await session.reset();
    for (let start = 0; start < document.length - 1; start += reportEvery) {
      const end = Math.min(document.length - 1, start + reportEvery);
      const losses = await session.score(document.subarray(start, end), document.subarray(start + 1, end + 1));
      addLosses(sums, losses, start + 1, edges);
      done += end - start;
      onProgress?.(done, total);
    }
  }
  const mean = sums.reduce((sum, { nats }) => sum + nats, 0) / total;
  return {
    bitsPerByte: mean / Math.LN2,
    perplexity: Math.exp(mean),
    tokens: total,
    tokensPerSecond: total / ((performance.now() - started) / 1000),
    byPosition: binsOf(edges).flatMap((bin, i) => {
      const { nats, tokens } = sums[i] ?? { nats: 0, tokens: 0 };
      return tokens > 0 ? [{ ...bin, tokens, bitsPerByte: nats / tokens / Math.LN2 }] : [];
    }),
  };
}

/** The bins that begin at these positions. */
export function binsOf(edges: readonly number[]): PositionBin[] {
  return edges.map((from, i) => {
    const to = edges[i + 1];
    return to === undefined ? { from } : { from, to };
  });
}

// --- internal ---

/** Adds the losses of tokens that begin at a position to the sums of their bins. */
function addLosses(
  sums: readonly { nats: number; tokens: number }[],
  losses: Float32Array,
  position: number,
  edges: readonly number[],
): void {
  let bin = edges.findLastIndex((edge) => edge <= position);
  for (const [i, loss] of losses.entries()) {
    const next = edges[bin + 1];
    if (next !== undefined && position + i >= next) bin += 1;
    const sum = sums[bin];
    if (!sum) continue;
    sum.nats += loss;
    sum.tokens += 1;
  }
}
