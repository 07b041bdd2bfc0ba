/** Finds what a person half typed: all its letters, in order, best where words begin and letters touch. */

/** Higher is better; undefined when the letters are not all there. Spaces in the query are ignored. */
export function fuzzyScore(query: string, text: string): number | undefined {
  const wanted = query.toLowerCase().replace(/\s+/g, '');
  if (wanted === '') return 0;
  const lower = text.toLowerCase();
  const whole = lower.indexOf(query.toLowerCase().trim());
  // Typed as it stands there: before all that is merely alike.
  if (whole >= 0) return 1000 - text.length + (whole === 0 ? 500 : startsWord(text, whole) ? 250 : 0);
  let score = 0;
  let at = -1;
  for (const letter of wanted) {
    const next = lower.indexOf(letter, at + 1);
    if (next < 0) return undefined;
    score += next === at + 1 ? 8 : startsWord(text, next) ? 6 : -Math.min(3, next - at - 1);
    at = next;
  }
  return score - text.length / 10;
}

const startsWord = (text: string, at: number): boolean =>
  at === 0 || !/[a-z0-9]/i.test(text[at - 1]!) || (/[A-Z]/.test(text[at]!) && /[a-z]/.test(text[at - 1]!));

/** The best `most` of them, best first; equal ones stay in order. */
export function fuzzyBest<T>(query: string, items: Iterable<T>, text: (item: T) => string, most: number): T[] {
  const scored: { item: T; score: number }[] = [];
  for (const item of items) {
    const score = fuzzyScore(query, text(item));
    if (score !== undefined) scored.push({ item, score });
  }
  return scored
    .sort((a, b) => b.score - a.score)
    .slice(0, most)
    .map((s) => s.item);
}
