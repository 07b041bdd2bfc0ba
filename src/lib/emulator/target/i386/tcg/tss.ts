/** What a TSS is read for outside of task switches: inner stacks, and ports. SDM 3A 8.2, 8.7. */
import { accessed, DESC, type Descriptor, isNull, loadDescriptor, TYPE } from '../descriptors.ts';
import { CPUException, ENV, EXCP, type Env } from '../env.ts';
import { CR4 } from '../control-registers.ts';
import type { X86Cpu } from '../x86-cpu.ts';
import { generalProtection, selectorFault } from './exceptions.ts';

const CR = ENV.cr;
const TR_FLAGS = ENV.tr_flags;
const TR_LIMIT = ENV.tr_limit;
const TR_BASE = ENV.tr_base;

/** Available or busy: caches of both are found in streams. */
const typeOf = (env: Env): number => (env.get('tr_flags') >>> 8) & 0xf & ~2;

export const is32BitTss = (env: Env): boolean => typeOf(env) === TYPE.TSS32;

/** Whether `linear`, given by halves, is sign-extended from the width that paging has. */
export function isCanonicalHalf(env: Env, high: number): boolean {
  const upper = (high | 0) >> (env.at(CR, 4 * 2) & CR4.LA57 ? 24 : 15);
  return upper === 0 || upper === -1;
}

/** `address` unsigned. */
export const isCanonical = (env: Env, address: bigint): boolean => isCanonicalHalf(env, Number(address >> 32n));

export interface InnerStack {
  readonly selector: number;
  readonly esp: number;
  readonly descriptor: Descriptor;
}

/** SS:ESP of a more privileged level, checked and marked accessed. QEMU get_ss_esp_from_tss and what follows its calls. */
export function innerStack(cpu: X86Cpu, dpl: number, ext: number): InnerStack {
  const { env, mmu } = cpu;
  const wide = is32BitTss(env);
  const offset = wide ? dpl * 8 + 4 : dpl * 4 + 2;
  if (!(env.get('tr_flags') & DESC.P) || offset + (wide ? 8 : 4) - 1 > env.get('tr_limit')) {
    throw selectorFault(EXCP.TS, env.get('tr_selector'), ext);
  }
  const at = env.get64('tr_base') + BigInt(offset);
  const esp = wide ? mmu.load32(at, 'kernel') : mmu.load16(at, 'kernel');
  const selector = mmu.load16(at + (wide ? 4n : 2n), 'kernel');
  if (isNull(selector)) throw new CPUException(EXCP.TS, ext);
  const descriptor = loadDescriptor(cpu, selector);
  if (descriptor === undefined || (selector & 3) !== dpl || descriptor.dpl !== dpl || !descriptor.isWritableData) {
    throw selectorFault(EXCP.TS, selector, ext);
  }
  if (!descriptor.present) throw selectorFault(EXCP.SS, selector, ext);
  return { selector, esp, descriptor: accessed(cpu, selector, descriptor) };
}

/** RSP0 to RSP2 (`level` 0 to 2), IST1 to IST7 (4 to 10) of the 64-bit TSS. QEMU get_rsp_from_tss. */
export function rspFromTss({ env, mmu }: X86Cpu, level: number, ext: number): bigint {
  const offset = 8 * level + 4;
  if (!(env.at(TR_FLAGS) & DESC.P) || offset + 7 > env.at(TR_LIMIT)) {
    throw selectorFault(EXCP.TS, env.get('tr_selector'), ext);
  }
  const rsp = mmu.load64(env.at64(TR_BASE) + BigInt(offset), 'kernel');
  if (!isCanonical(env, rsp)) throw new CPUException(EXCP.SS, ext);
  return rsp;
}

/** #GP(0) unless the TSS's bitmap lets the program at the port. QEMU helper_check_io. */
export function checkPortBitmap({ env, mmu }: X86Cpu, port: number, size: 1 | 2 | 4): void {
  const limit = env.get('tr_limit');
  if (!(env.get('tr_flags') & DESC.P) || !is32BitTss(env) || limit < 103) throw generalProtection();
  const base = env.get64('tr_base');
  const offset = mmu.load16(base + 0x66n, 'kernel') + (port >>> 3);
  if (offset + 1 > limit) throw generalProtection();
  const bits = mmu.load16(base + BigInt(offset), 'kernel') >>> (port & 7);
  if (bits & ((1 << size) - 1)) throw generalProtection();
}
