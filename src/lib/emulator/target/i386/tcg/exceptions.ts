/** Exceptions as instructions raise them. */
import { CPUException, EXCP } from '../env.ts';

/** The manual's mnemonics, by vector. SDM 3A, table 6-1. */
export const EXCEPTION_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(EXCP).map(([name, vector]) => [vector, name])
);

/** One whose error code names a selector. `ext`: 1 while an event from outside the program is delivered. */
export const selectorFault = (vector: number, selector: number, ext = 0): CPUException =>
  new CPUException(vector, (selector & 0xfffc) | ext);

/** #GP(0). */
export const generalProtection = (): CPUException => new CPUException(EXCP.GP, 0);

export const undefinedOpcode = (): CPUException => new CPUException(EXCP.UD);
