/** RULER's `string_match_all` (scripts/eval/synthetic/constants.py): share of the references found in the answer. */
export function stringMatchAll(answer: string, references: readonly string[]): number {
  const written = answer.toLowerCase();
  return references.filter((reference) => written.includes(reference.toLowerCase())).length / references.length;
}
