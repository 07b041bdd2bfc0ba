/** How far a campaign has come, for who waits for it. */

/** Shorter ones are over before anybody wonders. */
const LONG = 20;
const EVERY_MS = 30_000;

/** @returns to be called before each run with its number: says now and then how long the rest takes */
export function progress(runs: number): (done: number) => void {
  const start = Date.now();
  let told = start;
  return (done) => {
    const now = Date.now();
    if (runs <= LONG || done === 0 || now - told < EVERY_MS) return;
    told = now;
    const minutes = (ms: number): string => (ms / 60_000).toFixed(1);
    console.log(
      `${done} of ${runs} in ${minutes(now - start)} minutes, ${minutes(((now - start) / done) * (runs - done))} to go`
    );
  };
}
