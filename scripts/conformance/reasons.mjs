// Why a program of tests/tcg does not do the same everywhere.

/** Programs whose output is another at every run, and what varies. @type {ReadonlyMap<string, string>} */
export const UNSTEADY = new Map([
  ['signals', 'threads print by turns'],
  ['testthread', 'threads print by turns'],
  ['test-mmap', 'it prints addresses'],
  ['vsyscall', 'it prints the time']
]);

/**
 * By program, or by architecture and program. `lines`: so many of our lines may be neither TCG's nor this CPU's.
 * @type {ReadonlyMap<string, { text: string, lines?: number }>}
 */
export const REASONS = new Map([
  ['test-i386-fpatan', { text: 'TCG fails it now and then on a busy machine: it loses x87 values' }],
  ['test-i386-fprem', { text: 'it prints for minutes: the first MiB is compared' }],
  ['test-i386', { text: 'undefined flags and 16-bit SHLD, SHRD by more than 16: ours are TCG’s' }],
  ['test-x86_64', { text: 'undefined flags and 16-bit SHLD, SHRD by more than 16: ours are TCG’s' }],
  ['test-3dnow', { text: 'CPUs of today have no 3DNow!' }],
  [
    'test-avx',
    {
      text: 'RCPPS, RSQRTPS are approximations; our 1/√x is correctly rounded, TCG’s rounded twice: the last bit differs',
      lines: 9
    }
  ]
]);
