/**
 * FNSTENV, FLDENV, FNSAVE, FRSTOR: control, status and tag words, then the pointers to the last instruction and operand in
 * one of four layouts. SDM 1, 8.1.10. In protected mode each pointer is an offset and a selector; in real and virtual-8086
 * mode it is a linear address in two pieces, the opcode beside the upper one.
 */
import { HF, type Env } from '../env.ts';
import type { FpuStack } from './fpu-stack.ts';

/** Tag of two bits: valid, zero, special, empty. */
function tagWord(x: FpuStack): number {
  let word = 0;
  for (let n = 7; n >= 0; n--) {
    const bits = x.register(n);
    const exponent = Number((bits >> 64n) & 0x7fffn);
    const integer = (bits >> 63n) & 1n;
    const zero = exponent === 0 && (bits & ((1n << 64n) - 1n)) === 0n;
    const special = exponent === 0 || exponent === 0x7fff || integer === 0n;
    word = (word << 2) | (x.emptyRegister(n) ? 3 : zero ? 1 : special ? 2 : 0);
  }
  return word;
}

const offsetMode = (env: Env): boolean => {
  const hflags = env.get('hflags');
  return (hflags & HF.PE) !== 0 && (hflags & HF.VM) === 0;
};

/** The words in their order, of 16 or 32 bits each; reserved halves of doublewords read as ones. */
function words(x: FpuStack, wide: boolean): readonly number[] {
  const { env } = x.cpu;
  const reserved = wide ? 0xffff_0000 : 0;
  const head = [x.fpuc, x.statusWord, tagWord(x)].map((word) => (word | reserved) >>> 0);
  const pointer = (offset: 'fpip' | 'fpdp', selector: 'fpcs' | 'fpds'): [number, number] => [
    Number(env.get64(offset) & 0xffff_ffffn),
    env.get(selector)
  ];
  const [ip, cs] = pointer('fpip', 'fpcs');
  const [dp, ds] = pointer('fpdp', 'fpds');
  const opcode = env.get('fpop') & 0x7ff;
  if (offsetMode(env)) {
    if (!wide) return [...head, ip & 0xffff, cs, dp & 0xffff, ds];
    return [...head, ip, (cs | (opcode << 16)) >>> 0, dp, (ds | reserved) >>> 0];
  }
  const code = (ip + cs * 16) >>> 0;
  const data = (dp + ds * 16) >>> 0;
  if (!wide) return [...head, code & 0xffff, ((code >>> 4) & 0xf000) | opcode, data & 0xffff, (data >>> 4) & 0xf000];
  return [
    ...head,
    ((code & 0xffff) | reserved) >>> 0,
    ((code >>> 16) << 12) | opcode,
    ((data & 0xffff) | reserved) >>> 0,
    (data >>> 16) << 12
  ];
}

/** FNSTENV. */
export function storeEnvironment(x: FpuStack, linear: bigint, wide: boolean): void {
  const { mmu } = x.cpu;
  const list = words(x, wide);
  mmu.probeWrite(linear, list.length * (wide ? 4 : 2));
  list.forEach((word, i) => {
    if (wide) mmu.store32(linear + BigInt(4 * i), word);
    else mmu.store16(linear + BigInt(2 * i), word);
  });
  x.maskAll();
}

/** FLDENV. */
export function loadEnvironment(x: FpuStack, linear: bigint, wide: boolean): void {
  const { env, mmu } = x.cpu;
  const word = (i: number): number => (wide ? mmu.load32(linear + BigInt(4 * i)) : mmu.load16(linear + BigInt(2 * i)));
  const list = Array.from({ length: 7 }, (_, i) => word(i) >>> 0);
  const [fpuc, fpus, tags, w3, w4, w5, w6] = list as [number, number, number, number, number, number, number];
  for (let n = 0; n < 8; n++) x.setTag(n, ((tags >> (2 * n)) & 3) === 3);
  setPointers(env, wide, w3, w4, w5, w6);
  x.setStatusWord(fpus & 0xffff);
  x.setControlWord(fpuc & 0xffff);
}
function setPointers(env: Env, wide: boolean, w3: number, w4: number, w5: number, w6: number): void {
  if (offsetMode(env)) {
    env.set64('fpip', BigInt(w3));
    env.set('fpcs', w4 & 0xffff);
    env.set64('fpdp', BigInt(w5));
    env.set('fpds', w6 & 0xffff);
    if (wide) env.set('fpop', (w4 >>> 16) & 0x7ff);
    return;
  }
  const upper = (word: number): number => (wide ? ((word >>> 12) & 0xffff) << 16 : (word & 0xf000) << 4);
  env.set64('fpip', BigInt(((w3 & 0xffff) | upper(w4)) >>> 0));
  env.set64('fpdp', BigInt(((w5 & 0xffff) | upper(w6)) >>> 0));
  env.set('fpcs', 0);
  env.set('fpds', 0);
  env.set('fpop', w4 & 0x7ff);
}

const environmentBytes = (wide: boolean): bigint => (wide ? 28n : 14n);

/** FNSAVE: the environment, ST(0) to ST(7) in 80 bits, and FNINIT. */
export function save(x: FpuStack, linear: bigint, wide: boolean): void {
  const { mmu } = x.cpu;
  const start = linear + environmentBytes(wide);
  mmu.probeWrite(linear, Number(environmentBytes(wide)) + 80);
  storeEnvironment(x, linear, wide);
  for (let i = 0; i < 8; i++) {
    const at = start + BigInt(10 * i);
    mmu.store64(at, x.st(i) & ((1n << 64n) - 1n));
    mmu.store16(at + 8n, Number(x.st(i) >> 64n));
  }
  x.reset();
}

/** FRSTOR. */
export function restore(x: FpuStack, linear: bigint, wide: boolean): void {
  const { mmu } = x.cpu;
  const start = linear + environmentBytes(wide);
  const registers = Array.from({ length: 8 }, (_, i) => {
    const at = start + BigInt(10 * i);
    return mmu.load64(at) | (BigInt(mmu.load16(at + 8n)) << 64n);
  });
  loadEnvironment(x, linear, wide);
  registers.forEach((bits, i) => x.setRegister((x.top + i) & 7, bits));
}
