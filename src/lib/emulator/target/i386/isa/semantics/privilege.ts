/** Who may use an instruction where. QEMU target/i386/tcg/decode-new.c.inc X86_CHECK_*, translate.c gen_multi0F. */
import { EXCP, FLAG, HF } from '../../env.ts';
import type { Backend, Value } from '../backend.ts';

export const cpl = (b: Backend): Value => b.hflags().and(HF.CPL);

/** #GP(0) unless at CPL 0. */
export function requireCpl0(b: Backend): void {
  b.when(cpl(b), () => b.raise(EXCP.GP, 0));
}
/** #UD unless at CPL 0. */
export function hiddenFromUser(b: Backend): void {
  b.when(cpl(b), () => b.raise(EXCP.UD));
}
/** #UD in real and virtual-8086 mode. */
export function requireProtected(b: Backend): void {
  if (b.shape.codeSize === 64) return;
  b.when(
    b
      .hflags()
      .and(HF.PE | HF.VM)
      .ne(HF.PE),
    () => b.raise(EXCP.UD)
  );
}
/** With CR4.UMIP, what tells of the kernel's tables is the kernel's. */
export function checkUmip(b: Backend): void {
  const hflags = b.let(b.hflags());
  b.when(hflags.and(HF.UMIP).ne(0).and(hflags.and(HF.CPL).ne(0)), () => b.raise(EXCP.GP, 0));
}
/** Virtual-8086 mode: #GP(0) unless IOPL is 3. */
export function checkVm86Iopl(b: Backend): void {
  if (b.shape.codeSize !== 64) {
    const iopl = b.env('eflags').and(FLAG.IOPL);
    b.when(b.hflags().and(HF.VM).ne(0).and(iopl.ne(FLAG.IOPL)), () => b.raise(EXCP.GP, 0));
  }
}

export const iopl = (b: Backend): Value => b.env('eflags').shrU(12).and(3);
/** Bytes of the operand size as a value to give to a helper. */
export const width = (b: Backend): number => b.shape.size;
/** An i32 or i64 as an operand of `bytes` takes it. */
export const sized = (value: Value, bytes: number): Value => (bytes === 8 ? value.i64() : value.i32());
