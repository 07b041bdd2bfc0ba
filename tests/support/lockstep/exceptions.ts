/** Differences that are none of ours: for each why, and exactly what it covers. The value is taken from native and counted. */
import { CC_MASK, FLAG } from '../../../src/lib/emulator/target/i386/env.ts';
import type { Effects, Place } from './code.ts';
import { generalRegister, isFlags, within, type Difference } from './registers.ts';

/** The instruction after which two states differ. */
export interface Context {
  readonly place: Place;
  readonly effects: Effects;
  /** The clock that it looked at. */
  readonly clock: string | undefined;
}

/** Why a difference is to be expected; undefined: it is not. */
export type Exception = (difference: Difference, context: Context) => string | undefined;

/** CPUID 8000_0001 ECX */
const SVM = 1 << 2;

export const EXCEPTIONS: readonly Exception[] = [
  // Two machines read different times.
  (difference, { clock, effects }) => {
    if (clock === undefined) return undefined;
    const register = generalRegister(difference.name);
    const covered =
      register === undefined
        ? isFlags(difference.name) && within(difference, effects.changedFlags & CC_MASK)
        : effects.writes.has(register);
    return covered ? `clock: ${clock}` : undefined;
  },
  // Where the manuals leave flags undefined, TCG leaves what its way of computing gives.
  (difference, { effects }) =>
    isFlags(difference.name) && within(difference, effects.undefinedFlags) ? 'undefined flags' : undefined,
  (difference, { effects }) =>
    difference.name === 'FSW' && within(difference, effects.undefinedConditions)
      ? 'undefined condition codes of the x87'
      : undefined,
  // With -icount QEMU comes back to a repeated instruction that is through, to find RCX 0.
  ({ name, native }, { effects, place }) =>
    /^[RE]IP$/.test(name) && effects.repeats && BigInt(`0x${native}`) === place.eip
      ? 'repeated instruction looked at once more'
      : undefined,
  // Newer QEMUs set RF while a string instruction repeats, for what interrupts it; here, as before, faults alone do.
  (difference, { effects }) =>
    isFlags(difference.name) && within(difference, FLAG.RF) && effects.repeats ? 'RF of a repetition' : undefined,
  // The one feature of the default CPU models that this machine has not.
  (difference, { effects }) =>
    effects.isCpuid && /^[RE]CX$/.test(difference.name) && within(difference, SVM) ? 'CPUID without SVM' : undefined
];
