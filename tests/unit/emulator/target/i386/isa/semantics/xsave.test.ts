/** Saved images against those that this machine's CPU makes of the same state, and back. */
import { describe, expect, test } from 'vitest';
import { FLOAT80 } from '../../../../../../../src/lib/emulator/fpu/float.ts';
import { HF } from '../../../../../../../src/lib/emulator/target/i386/env.ts';
import { Random } from '../../../../../../fuzz/random.ts';
import { randomBits, randomFloat } from '../../../../../../support/floats.ts';
import { loadRecord, storeRecord } from '../../../../../../support/fpu-state.ts';
import { FpuBatch, FpuRecord, noNativeFpu } from '../../../../../../support/native-fpu.ts';
import { TcgMachine } from '../../../../../../support/tcg-machine.ts';

const CODE = 0x20_0000;
const AREA = 0x30_0000;
const IDT = 0x4000;
const HANDLER = 0x5000;
const GDT = 0x1000;
const [RAX, RDX, RDI, RSP] = [0, 2, 7, 4];

/** A CPU in 64-bit mode whose RDI points to an area; each exception leads to a place of its own. */
function setup() {
  const machine = new TcgMachine();
  const { env } = machine.cpu;
  machine.longMode(BigInt(CODE));
  env.set64('cr', 0x4_0620n, 4);
  env.set64('xcr0', 0x207n);
  env.set('hflags', env.get('hflags') | HF.AVX_EN);
  machine.write64(GDT + 8, 0x00af_9b00_0000_ffffn);
  env.set64('gdt_base', BigInt(GDT));
  env.set('gdt_limit', 0xff);
  env.set64('idt_base', BigInt(IDT));
  env.set('idt_limit', 0x1ff);
  for (let vector = 0; vector < 32; vector++)
    machine.write64(IDT + 16 * vector, BigInt(HANDLER + vector * 16) | 0x8_0000n | (0x8e00n << 32n));
  machine.setReg(RDI, BigInt(AREA));
  let next = CODE;
  /** Runs an instruction; the vector of its exception, if any. */
  const run = (...code: readonly number[]): number | undefined => {
    machine.dma(next, ...code);
    env.set64('eip', BigInt(next));
    machine.setReg(RSP, 0x9000n);
    next += 16;
    machine.cpu.run(1);
    const eip = Number(machine.eip);
    return eip >= HANDLER && eip < HANDLER + 512 ? (eip - HANDLER) / 16 : undefined;
  };
  const components = (mask: number): void => {
    machine.setReg(RAX, BigInt(mask));
    machine.setReg(RDX, 0n);
  };
  return { machine, env, run, components };
}

const XSAVE = [0x0f, 0xae, 0x27];
const XSAVEOPT = [0x0f, 0xae, 0x37];
const XRSTOR = [0x0f, 0xae, 0x2f];
const FXSAVE64 = [0x48, 0x0f, 0xae, 0x07];
const FXRSTOR64 = [0x48, 0x0f, 0xae, 0x0f];
const LDMXCSR = [0x0f, 0xae, 0x17];
const STMXCSR = [0x0f, 0xae, 0x1f];
const UD = 6;
const NM = 7;
const GP = 13;

function randomStates(count: number): FpuBatch {
  const random = new Random(3);
  const batch = FpuBatch.fresh(count);
  for (let i = 0; i < count; i++) {
    const record = batch.at(i);
    record.fcw = 0x340 | (random.below(16) << 8) | 0x3f;
    record.fsw = random.below(0x1_0000) & ~0x8080;
    record.ftw = random.below(256);
    record.mxcsr = random.below(0x1_0000);
    for (let n = 0; n < 8; n++) record.setSt(n, randomFloat(random, FLOAT80));
    for (let n = 0; n < 16; n++) record.setYmm(n, randomBits(random, 256));
  }
  return batch;
}

describe.skipIf(noNativeFpu)('images', () => {
  /** What the CPU has after loading the random states and doing nothing. */
  const states = randomStates(50);
  const images = states.run();

  test('XSAVE writes what this machine’s CPU writes', () => {
    const { machine, env, run, components } = setup();
    for (let i = 0; i < states.count; i++) {
      loadRecord(env, states.at(i));
      machine.bytes(AREA, 832).fill(0);
      components(7);
      expect(run(...XSAVE)).toBeUndefined();
      const ours = Buffer.from(machine.bytes(AREA, 832));
      const theirs = Buffer.from(images.at(i).bytes.subarray(0, 832));
      // MXCSR_MASK is a matter of the model, and XSTATE_BV says more of what is in use than we track.
      for (const image of [ours, theirs]) image.fill(0, 28, 32).fill(0, 512, 520);
      expect(ours.toString('hex')).toBe(theirs.toString('hex'));
      expect(machine.read64(AREA + 512)).toBe(7n);
    }
  });

  test('what XSAVE wrote, XRSTOR loads; FXSAVE64 and FXRSTOR64 likewise but for YMM', () => {
    const { machine, env, run, components } = setup();
    const empty = FpuBatch.fresh(1).at(0);
    for (let i = 0; i < states.count; i++) {
      const image = images.at(i);
      machine.bytes(AREA, 832).set(image.bytes.subarray(0, 832));
      machine.write64(AREA + 512, 7n);
      loadRecord(env, empty);
      components(7);
      expect(run(...XRSTOR)).toBeUndefined();
      const after = new FpuRecord(new Uint8Array(1024));
      storeRecord(env, after);
      for (let n = 0; n < 8; n++) expect(after.st(n)).toBe(image.st(n));
      for (let n = 0; n < 16; n++) expect(after.ymm(n)).toBe(image.ymm(n));
      expect([after.fcw, after.fsw, after.ftw, after.mxcsr]).toEqual([image.fcw, image.fsw, image.ftw, image.mxcsr]);

      machine.bytes(AREA, 832).fill(0xee);
      expect(run(...FXSAVE64)).toBeUndefined();
      loadRecord(env, empty);
      expect(run(...FXRSTOR64)).toBeUndefined();
      const again = new FpuRecord(new Uint8Array(1024));
      storeRecord(env, again);
      for (let n = 0; n < 8; n++) expect(again.st(n)).toBe(image.st(n));
      for (let n = 0; n < 16; n++) expect(again.ymm(n)).toBe(image.ymm(n) & ((1n << 128n) - 1n));
      expect([again.fcw, again.fsw, again.ftw, again.mxcsr]).toEqual([image.fcw, image.fsw, image.ftw, image.mxcsr]);
      // Bytes 464 to 511 are software's.
      expect(machine.bytes(AREA + 464, 48).every((byte) => byte === 0xee)).toBe(true);
    }
  });
});

test('components that are not asked for stay as they are, in memory and in registers', () => {
  const { machine, env, run, components } = setup();
  const record = FpuBatch.fresh(1).at(0);
  record.setYmm(1, (0x1111n << 128n) | 0x2222n);
  loadRecord(env, record);
  machine.bytes(AREA, 832).fill(0xaa);
  machine.write64(AREA + 512, 1n);
  components(4);
  expect(run(...XSAVE)).toBeUndefined();
  // x87 and XMM are left out, MXCSR goes with AVX, XSTATE_BV keeps the bit of the x87.
  expect(machine.read64(AREA)).toBe(0xaaaa_aaaa_aaaa_aaaan);
  expect(machine.read64(AREA + 24)).toBe(0x0000_ffff_0000_1f80n);
  expect(machine.read64(AREA + 160)).toBe(0xaaaa_aaaa_aaaa_aaaan);
  expect(machine.read64(AREA + 576 + 16)).toBe(0x1111n);
  expect(machine.read64(AREA + 512)).toBe(5n);
});

test('XRSTOR initialises what the image does not have', () => {
  const { machine, env, run, components } = setup();
  const record = FpuBatch.fresh(1).at(0);
  record.fcw = 0x27f;
  record.ftw = 0xff;
  record.setSt(0, 12345n);
  record.setYmm(2, (7n << 128n) | 9n);
  loadRecord(env, record);
  machine.bytes(AREA, 832).fill(0);
  machine.bytes(AREA + 24, 2).set([0x80, 0x3f]);
  components(7);
  expect(run(...XRSTOR)).toBeUndefined();
  const after = new FpuRecord(new Uint8Array(1024));
  storeRecord(env, after);
  expect([after.fcw, after.ftw, after.st(0), after.ymm(2)]).toEqual([0x37f, 0, 0n, 0n]);
  // MXCSR is loaded all the same.
  expect(after.mxcsr).toBe(0x3f80);
});

test('PKRU is saved at a80', () => {
  const { machine, env, run, components } = setup();
  machine.bytes(AREA, 4096).fill(0);
  env.set('pkru', 0x5555_5554);
  components(0x200);
  expect(run(...XSAVE)).toBeUndefined();
  expect(machine.read64(AREA + 0xa80)).toBe(0x5555_5554n);
  env.set('pkru', 0);
  expect(run(...XRSTOR)).toBeUndefined();
  expect(env.get('pkru')).toBe(0x5555_5554);
});

test('MPX registers are carried along; those that are not in use are zeros, and the header says so', () => {
  const { machine, env, run, components } = setup();
  env.set64('xcr0', 0x1fn);
  machine.bytes(AREA, 4096).fill(0xff);
  machine.write64(AREA + 512, 0n);
  components(0x18);
  env.set64('bndcfgu', 0x7000n);
  expect(run(...XSAVE)).toBeUndefined();
  const words = (offset: number, count: number): bigint[] =>
    Array.from({ length: count }, (_, i) => machine.read64(AREA + offset + 8 * i));
  expect(words(512, 1)).toEqual([0x10n]);
  expect(words(960, 8)).toEqual(new Array(8).fill(0n));
  expect(words(1024, 2)).toEqual([0x7000n, 0n]);

  for (let i = 0; i < 8; i++) machine.write64(AREA + 960 + 8 * i, BigInt(i + 1));
  for (let i = 0; i < 8; i++) machine.write64(AREA + 512 + 8 * i, i === 0 ? 0x8n : 0n);
  expect(run(...XRSTOR)).toBeUndefined();
  expect([env.get64('bnd_regs', 7), env.get64('bndcfgu'), env.get('hflags') & HF.MPX_IU]).toEqual([8n, 0n, HF.MPX_IU]);
  machine.bytes(AREA, 4096).fill(0);
  expect(run(...XSAVEOPT)).toBeUndefined();
  expect([words(512, 1), words(960, 1)]).toEqual([[0x18n], [1n]]);
});

test('areas out of alignment, and headers with bits that are not enabled, are refused', () => {
  const { machine, run, components } = setup();
  components(7);
  machine.setReg(RDI, BigInt(AREA + 16));
  expect(run(...XSAVE)).toBe(GP);
  machine.setReg(RDI, BigInt(AREA + 8));
  expect(run(...FXSAVE64)).toBe(GP);
  machine.setReg(RDI, BigInt(AREA));
  machine.bytes(AREA, 832).fill(0);
  machine.write64(AREA + 512, 8n);
  expect(run(...XRSTOR)).toBe(GP);
  machine.write64(AREA + 512, 0n);
  machine.write64(AREA + 528, 1n);
  expect(run(...XRSTOR)).toBe(GP);
  machine.write64(AREA + 528, 0n);
  expect(run(...XRSTOR)).toBeUndefined();
  machine.bytes(AREA + 26, 1)[0] = 1;
  expect(run(...XRSTOR)).toBe(GP);
  expect(run(...FXRSTOR64)).toBe(GP);
});

test('LDMXCSR refuses reserved bits; STMXCSR stores what was loaded', () => {
  const { machine, run } = setup();
  machine.write64(AREA, 0x9fc0n);
  expect(run(...LDMXCSR)).toBeUndefined();
  machine.write64(AREA, 0x1_0000n);
  expect(run(...LDMXCSR)).toBe(GP);
  expect(run(...STMXCSR)).toBeUndefined();
  expect(machine.read64(AREA) & 0xffff_ffffn).toBe(0x9fc0n);
});

test('without CR4.OSXSAVE there is no XSAVE, with CR0.TS it waits for the system', () => {
  const { machine, env, run, components } = setup();
  components(7);
  env.set('hflags', env.get('hflags') | HF.TS);
  machine.cpu.flushAll();
  expect(run(...XSAVE)).toBe(NM);
  expect(run(...FXSAVE64)).toBe(NM);
  expect(run(...STMXCSR)).toBe(NM);
  expect(run(0xd9, 0xe8)).toBe(NM); // FLD1
  env.set('hflags', env.get('hflags') & ~HF.TS);
  env.set64('cr', 0x620n, 4);
  machine.cpu.flushAll();
  expect(run(...XSAVE)).toBe(UD);
});
