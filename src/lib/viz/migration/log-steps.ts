const STEPS_A_DECADE = 10;

/** Round numbers from one value to another, each about a quarter more than the one before: stops of a slider. */
export function logSteps(from: number, to: number): number[] {
  const count = Math.round(Math.log10(to / from) * STEPS_A_DECADE);
  const exact = Array.from({ length: count + 1 }, (_, i) => from * (to / from) ** (i / count));
  const rounded = exact.map((value, i) => (i === 0 || i === count ? value : Number(value.toPrecision(2))));
  return [...new Set(rounded.map(Math.round))];
}
