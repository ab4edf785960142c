import { intTensor } from "../../tensor/host-tensor.ts";
import { createRng, type Rng } from "../../base/random.ts";
import { joinLanes, type Batches, type BatchOptions } from "./batch.ts";
import { CorpusError, type Document, type Tokens } from "../../text/document.ts";
import { byteTokenizer } from "../../text/tokenizers/tokenizer.ts";
import { drawSequence, mixtureReadsText } from "./mixture.ts";

/**
 * Sequences that are drawn one by one and have nothing to do with each other. Throws CorpusError when a part of the
 * mixture reads text and no document is longer than `length`.
 */
export function independentSequences(options: BatchOptions): Batches {
  const { mixture, batch, length, seed, carry = 0, tokenizer = byteTokenizer } = options;
  const documents = options.documents.filter(({ tokens }) => tokens.length > length);
  if (documents.length === 0 && mixtureReadsText(mixture)) {
    throw new CorpusError(`no document is longer than the ${length} tokens of a training sequence`);
  }
  const root = createRng(seed).fork("data");
  return {
    at(index) {
      const lanes = Array.from({ length: batch }, (_, lane) => {
        const rng = root.fork(index).fork(lane);
        const tokens = (size: number, drawn: Rng): Tokens => drawWindow(documents, size, drawn);
        return drawSequence(mixture, { length, rng, tokenizer, tokens, longest: length + 1 });
      });
      const starts = root.fork(index).fork("carry");
      const startOfSequence = intTensor(
        [batch],
        Int32Array.from(lanes, () => (starts.uniform() < carry ? 0 : 1)),
      );
      return { ...joinLanes(lanes, length), startOfSequence };
    },
  };
}

// --- internal ---

/** A window of a document, every position of the corpus as likely as any other. */
function drawWindow(documents: readonly Document[], length: number, rng: Rng): Tokens {
  const positions = documents.map(({ tokens }) => tokens.length - length + 1);
  let start = rng.integer(positions.reduce((sum, count) => sum + count, 0));
  for (const [i, { tokens }] of documents.entries()) {
    const count = positions[i] ?? 0;
    if (start < count) return tokens.subarray(start, start + length);
    start -= count;
  }
  throw new CorpusError(`no document has ${length} tokens`);
}
