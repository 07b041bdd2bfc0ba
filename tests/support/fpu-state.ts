/** An FpuRecord as the state of our CPU, and back. */
import { ENV, type Env } from '../../src/lib/emulator/target/i386/env.ts';
import type { FpuRecord } from './native-fpu.ts';

const TOP_SHIFT = 11;
const TOP_MASK = 7 << TOP_SHIFT;

/** Takes over x87, SSE and AVX registers. FXSAVE's image has registers in stack order, ours in physical order. */
export function loadRecord(env: Env, record: FpuRecord): void {
  const top = (record.fsw & TOP_MASK) >> TOP_SHIFT;
  env.set('fpuc', record.fcw);
  // As XRSTOR does, ES and B are worked out.
  const pending = record.fsw & ~record.fcw & 0x3f ? 0x8080 : 0;
  env.set('fpus', (record.fsw & ~(TOP_MASK | 0x8080)) | pending);
  env.set('fpstt', top);
  env.set('mxcsr', record.mxcsr);
  for (let i = 0; i < 8; i++) {
    const n = (top + i) & 7;
    const at = env.base + ENV.fpregs + n * 16;
    env.u64[at >>> 3] = record.st(i) & 0xffff_ffff_ffff_ffffn;
    env.u16[(at + 8) >>> 1] = Number(record.st(i) >> 64n);
    env.u8[env.base + ENV.fptags + n] = record.ftw & (1 << n) ? 0 : 1;
  }
  for (let i = 0; i < 16; i++) {
    for (let part = 0; part < 4; part++) {
      env.u64[((env.base + ENV.xmm) >>> 3) + i * 4 + part] =
        (record.ymm(i) >> BigInt(64 * part)) & 0xffff_ffff_ffff_ffffn;
    }
  }
}

/** The same out of the state, onto a record. */
export function storeRecord(env: Env, record: FpuRecord): void {
  const top = env.get('fpstt');
  record.fcw = env.get('fpuc');
  record.fsw = env.get('fpus') | (top << TOP_SHIFT);
  record.mxcsr = env.get('mxcsr');
  let ftw = 0;
  for (let i = 0; i < 8; i++) {
    const n = (top + i) & 7;
    const at = env.base + ENV.fpregs + n * 16;
    record.setSt(i, env.u64[at >>> 3]! | (BigInt(env.u16[(at + 8) >>> 1]!) << 64n));
    if (env.u8[env.base + ENV.fptags + n] === 0) ftw |= 1 << n;
  }
  record.ftw = ftw;
  for (let i = 0; i < 16; i++) {
    let value = 0n;
    for (let part = 3; part >= 0; part--)
      value = (value << 64n) | env.u64[((env.base + ENV.xmm) >>> 3) + i * 4 + part]!;
    record.setYmm(i, value);
  }
}
