/** Differences that are none of ours: for each why, and exactly what it covers. The value is taken from native and counted. */
import { CC_MASK } from '../../../src/lib/emulator/target/i386/env.ts';
import type { Effects, Place } from './code.ts';
import { generalRegister, isFlags, type Difference } from './registers.ts';

/** The instruction after which two states differ. */
export interface Context {
  readonly place: Place;
  readonly effects: Effects;
  /** The clock that it looked at. */
  readonly clock: string | undefined;
  /** Native's version. */
  readonly major: number;
}

/** Why a difference is to be expected; undefined: it is not. */
export type Exception = (difference: Difference, context: Context) => string | undefined;

/** Bits of EFLAGS that differ. */
const flagsOf = ({ name, native, ours }: Difference): number =>
  isFlags(name) ? parseInt(native, 16) ^ parseInt(ours, 16) : ~0;

export const EXCEPTIONS: readonly Exception[] = [
  // Two machines read different times.
  (difference, { clock, effects }) => {
    const register = generalRegister(difference.name);
    const covered =
      register === undefined
        ? (flagsOf(difference) & ~(effects.changedFlags & CC_MASK)) === 0
        : effects.writes.has(register);
    return clock !== undefined && covered ? `clock: ${clock}` : undefined;
  },
  // Where the manuals leave a flag undefined, TCG leaves what its way of computing gives.
  (difference, { effects }) =>
    (flagsOf(difference) & ~effects.undefinedFlags) === 0 ? 'undefined flags' : undefined
];
