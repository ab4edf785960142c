/**
 * Finds how many of the most likely tokens are needed for the sum of their weights to be enough, without sorting:
 * quickselect by sums instead of counts, O(n) on average. Reorders `tokens` so that these come first, the least likely
 * of them last; between equal logits the lower token is the more likely. All of them if the sum is never enough.
 *
 * @param weights By token; without them every token counts as 1.
 */
export function headSize(
  tokens: Int32Array,
  logits: Float32Array,
  weights: Float64Array | undefined,
  enough: (sum: number) => boolean,
): number {
  // The head ends in [from, to); `before` is the sum of everything left of it.
  let [from, to, before] = [0, tokens.length, 0];
  while (to - from > 1) {
    pivotToEnd(tokens, from, to, logits, from === 0 && to === tokens.length ? FIRST_SAMPLE : LATER_SAMPLE);
    const pivot = tokens[to - 1] ?? 0;
    const logit = logits[pivot] ?? 0;
    let [place, sum] = [from, before];
    for (let i = from; i < to - 1; i++) {
      const token = tokens[i] ?? 0;
      const other = logits[token] ?? 0;
      if (other < logit || (other === logit && token > pivot)) continue;
      sum += weights ? (weights[token] ?? 0) : 1;
      swap(tokens, i, place++);
    }
    swap(tokens, place, to - 1);
    if (place > from && enough(sum)) {
      to = place;
      continue;
    }
    sum += weights ? (weights[pivot] ?? 0) : 1;
    if (enough(sum)) return place + 1;
    [from, before] = [place + 1, sum];
  }
  return to;
}

// --- internal ---

/** How many places a pivot is taken from, and which of them in order of likelihood. */
interface Sample {
  readonly places: number;
  readonly rank: number;
}

/** The head is usually short, so most tokens are set aside first. */
const FIRST_SAMPLE: Sample = { places: 64, rank: 1 };
/** The median of three. */
const LATER_SAMPLE: Sample = { places: 3, rank: 1 };

/** Moves one of the tokens [from, to), picked by its rank in an evenly spaced sample, to their end. */
function pivotToEnd(tokens: Int32Array, from: number, to: number, logits: Float32Array, sample: Sample): void {
  const likelihood = (place: number): number => logits[tokens[place] ?? 0] ?? 0;
  const step = (to - 1 - from) / (sample.places - 1);
  const places = Array.from({ length: sample.places }, (_, i) => from + Math.floor(i * step));
  const chosen = places.toSorted((a, b) => likelihood(b) - likelihood(a))[sample.rank] ?? from;
  swap(tokens, chosen, to - 1);
}

function swap(tokens: Int32Array, i: number, j: number): void {
  const kept = tokens[i] ?? 0;
  tokens[i] = tokens[j] ?? 0;
  tokens[j] = kept;
}
