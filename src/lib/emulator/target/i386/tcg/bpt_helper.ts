/** Debug registers and the exceptions they raise. SDM 3B 17.2, 17.3; source: QEMU target/i386/tcg/sysemu/bpt_helper.c. */
import { CR4 } from '../control-registers.ts';
import { WATCHING } from '../backend/layout.ts';
import { CPUException, ENV, EXCP, R_CS, type Env } from '../env.ts';
import type { X86Cpu } from '../x86-cpu.ts';
import { generalProtection } from './exceptions.ts';

/** Bits 0 to 3: which breakpoint. */
export const DR6 = { BD: 1 << 13, BS: 1 << 14, BT: 1 << 15, FIXED_1: 0xffff_0ff0 } as const;
export const DR7_LOCAL = 0x55;
const DR7_ENABLED = 0xff;
const DR7_GD = 1 << 13;
const DR7_FIXED_1 = 0x400;
/** An I/O breakpoint is enabled: ports are checked. In `hflags`. QEMU HF_IOBPT_MASK. */
export const HF_IOBPT = 1 << 24;

/** R/W field of DR7. */
export const BREAKPOINT = { EXECUTE: 0, WRITE: 1, IO: 2, ACCESS: 3 } as const;

const DR6_AT = 6 * 2;
const DR7_AT = 7 * 2;
const DR = ENV.dr;

const isEnabled = (dr7: number, index: number): boolean => ((dr7 >>> (index * 2)) & 3) !== 0;
const typeOf = (dr7: number, index: number): number => (dr7 >>> (16 + index * 4)) & 3;
const lengthOf = (dr7: number, index: number): number => {
  const length = (dr7 >>> (18 + index * 4)) & 3;
  return length === 2 ? 8 : length + 1;
};

const setDr6 = (env: Env, bits: number): void => env.set('dr', (env.get('dr', DR6_AT) | bits) >>> 0, DR6_AT);

/** DR7 without checks. Where data is watched, the TLB has nothing and each access is told. */
export function cpu_x86_update_dr7({ env, mmu }: X86Cpu, value: number): void {
  value = (value | DR7_FIXED_1) >>> 0;
  env.set64('dr', BigInt(value), 7);
  const has = (wanted: (type: number) => boolean): boolean =>
    [0, 1, 2, 3].some((i) => isEnabled(value, i) && wanted(typeOf(value, i)));
  const io = has((type) => type === BREAKPOINT.IO);
  env.set('hflags', io ? env.get('hflags') | HF_IOBPT : env.get('hflags') & ~HF_IOBPT);
  const data = has((type) => type === BREAKPOINT.WRITE || type === BREAKPOINT.ACCESS);
  const watching = (env.get('watching') & ~WATCHING.DR) | (data ? WATCHING.DR : 0);
  if (env.get('watching') === watching) return;
  env.set('watching', watching);
  mmu.flush(true);
}

/** Whether any breakpoint is on, so that instructions or data have to be watched. */
export const breakpointsEnabled = (env: Env): boolean => (env.at(DR, DR7_AT) & DR7_ENABLED) !== 0;

/** The processor ignores the low bits that the length covers. */
const alignedAddress = (env: Env, dr7: number, index: number): bigint =>
  env.get64('dr', index) & ~BigInt(lengthOf(dr7, index) - 1);

/** Bits of DR6 (0 to 3) for the enabled data breakpoints that an access touches. */
export function watchpointHits(env: Env, linear: bigint, bytes: number, write: boolean): number {
  const dr7 = env.get('dr', DR7_AT);
  let hits = 0;
  for (let i = 0; i < 4; i++) {
    const type = typeOf(dr7, i);
    if (!isEnabled(dr7, i) || !(type === BREAKPOINT.ACCESS || (type === BREAKPOINT.WRITE && write))) continue;
    const address = alignedAddress(env, dr7, i);
    if (linear < address + BigInt(lengthOf(dr7, i)) && address < linear + BigInt(bytes)) hits |= 1 << i;
  }
  return hits;
}

/** Bits of DR6 for the code breakpoints at the instruction that is next, enabled or not. */
function codeHits(env: Env, enabledOnly: boolean): number {
  const dr7 = env.get('dr', DR7_AT);
  const linear = BigInt.asUintN(64, env.get64('seg_base', R_CS) + env.get64('eip'));
  let hits = 0;
  for (let i = 0; i < 4; i++) {
    if (typeOf(dr7, i) !== BREAKPOINT.EXECUTE || (enabledOnly && !isEnabled(dr7, i))) continue;
    if (env.get64('dr', i) === linear) hits |= 1 << i;
  }
  return hits;
}

/**
 * To be called before an instruction that EFLAGS.RF does not shield: raises #DB, a fault, where an enabled code
 * breakpoint lies on it.
 */
export function checkCodeBreakpoints(env: Env): void {
  if (codeHits(env, true) === 0) return;
  setDr6Breakpoints(env, codeHits(env, false));
  throw new CPUException(EXCP.DB);
}

const setDr6Breakpoints = (env: Env, hits: number): void =>
  env.set('dr', ((env.get('dr', DR6_AT) & ~0xf) | hits) >>> 0, DR6_AT);

/** After an instruction whose data accesses hit watchpoints, or with TF set before it: #DB, a trap. `eip` is the next. */
export function debugTrap(env: Env, hits: number, singleStep: boolean): never {
  if (hits !== 0) setDr6Breakpoints(env, hits);
  if (singleStep) setDr6(env, DR6.BS);
  throw new CPUException(EXCP.DB);
}

/** After IN, OUT, INS, OUTS: #DB where an I/O breakpoint covers the port. */
export function helper_bpt_io(env: Env, port: number, size: number, nextEip: bigint): void {
  const dr7 = env.get('dr', DR7_AT);
  let hits = 0;
  for (let i = 0; i < 4; i++) {
    if (typeOf(dr7, i) !== BREAKPOINT.IO || !isEnabled(dr7, i)) continue;
    const first = env.get64('dr', i);
    if (BigInt(port + size - 1) >= first && BigInt(port) < first + BigInt(lengthOf(dr7, i))) hits |= 1 << i;
  }
  if (hits === 0) return;
  env.set64('eip', nextEip);
  debugTrap(env, hits, false);
}

/** DR4 and DR5 mean 6 and 7, or nothing with CR4.DE; DR7.GD guards them all. */
function checkAccess({ env }: X86Cpu, reg: number): number {
  if (reg === 4 || reg === 5) {
    if (env.get('cr', 4 * 2) & CR4.DE) throw new CPUException(EXCP.UD);
    reg += 2;
  }
  const dr7 = env.get('dr', DR7_AT);
  if (dr7 & DR7_GD) {
    env.set('dr', dr7 & ~DR7_GD, DR7_AT);
    setDr6(env, DR6.BD);
    throw new CPUException(EXCP.DB);
  }
  return reg;
}

/** MOV from DRn. Privilege is checked. */
export function helper_get_dr(cpu: X86Cpu, reg: number): bigint {
  return cpu.env.get64('dr', checkAccess(cpu, reg));
}

/** MOV to DRn. Privilege is checked. */
export function helper_set_dr(cpu: X86Cpu, reg: number, value: bigint): void {
  const { env } = cpu;
  reg = checkAccess(cpu, reg);
  if (reg < 4) {
    env.set64('dr', value, reg);
    return;
  }
  if (value >> 32n !== 0n) throw generalProtection();
  if (reg === 6) env.set64('dr', value | BigInt(DR6.FIXED_1), 6);
  else cpu_x86_update_dr7(cpu, Number(value));
}
