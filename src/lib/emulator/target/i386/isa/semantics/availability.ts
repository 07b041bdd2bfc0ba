/** What has to hold before instructions of the x87, MMX, SSE and AVX run. SDM 3A, 2.5 and 13.1; table 2-3. */
import { EXCP, HF } from '../../env.ts';
import { fpuOf } from '../../tcg/fpu-stack.ts';
import type { Backend, Helper } from '../backend.ts';

const ES = 0x80;

/** An unmasked x87 exception is pending: #MF, or the interrupt behind FERR#. */
const fpuRaiseException: Helper = {
  name: 'fpu_raise_exception',
  params: [],
  run: (cpu) => fpuOf(cpu).wait()
};

/** #NM if the x87 is emulated or its registers are another task's (CR0.EM, CR0.TS). */
export function needsX87(b: Backend): void {
  b.when(b.hflags().and(HF.EM | HF.TS), () => b.raise(EXCP.NM));
}

/** For what waits, which is all of the x87 and MMX but FN…: #MF if an exception is pending. */
export function waitsForX87(b: Backend): void {
  b.when(b.env('fpus').and(ES), () => void b.call(fpuRaiseException));
}

/** MMX: #UD with CR0.EM, #NM with CR0.TS, #MF. */
export function needsMmx(b: Backend): void {
  b.when(b.hflags().and(HF.EM), () => b.raise(EXCP.UD));
  b.when(b.hflags().and(HF.TS), () => b.raise(EXCP.NM));
  waitsForX87(b);
}

/** SSE and AVX: #UD unless the system enabled them, #NM with CR0.TS. */
export function needsSse(b: Backend): void {
  const bits = b.shape.vex ? HF.AVX_EN : HF.OSFXSR | HF.EM;
  const enabled = b.shape.vex ? HF.AVX_EN : HF.OSFXSR;
  b.when(b.hflags().and(bits).ne(enabled), () => b.raise(EXCP.UD));
  b.when(b.hflags().and(HF.TS), () => b.raise(EXCP.NM));
}
