// Why a program of tests/tcg does not do the same everywhere.

/** Programs whose output is another at every run, and what varies. @type {ReadonlyMap<string, string>} */
export const UNSTEADY = new Map([
  ['signals', 'threads print by turns'],
  ['testthread', 'threads print by turns'],
  ['test-mmap', 'it prints addresses'],
  ['vsyscall', 'it prints the time']
]);

/** By program, or by architecture and program. @type {ReadonlyMap<string, string>} */
export const REASONS = new Map([
  ['x86_64 test-3dnow', 'CPUs of today have no 3DNow!'],
  [
    'x86_64 test-avx',
    'RSQRTPS is an approximation; ours is 1/√x correctly rounded, TCG’s rounded twice: the last bit of nine results'
  ]
]);
