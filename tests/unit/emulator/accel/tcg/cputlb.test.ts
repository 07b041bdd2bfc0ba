/** Translation in every paging mode, as TypeScript's accesses meet it; generated code uses the same walk. SDM 3A, chapter 4. */
import { describe, expect, test } from 'vitest';
import { CPUException, EXCP, FLAG, HF } from '../../../../../src/lib/emulator/target/i386/env.ts';
import type { AccessMode } from '../../../../../src/lib/emulator/target/i386/x86-cpu.ts';
import { TcgMachine } from '../../../../support/tcg-machine.ts';

const CR0 = { PG: 0x8000_0000n, WP: 0x1_0000n, PE: 1n };
const CR4 = {
  PSE: 0x10n,
  PAE: 0x20n,
  PGE: 0x80n,
  LA57: 0x1000n,
  SMEP: 0x10_0000n,
  SMAP: 0x20_0000n,
  PKE: 0x40_0000n,
  PKS: 0x100_0000n
};
const NXE = 0x800n;
const P = 1n;
const RW = 2n;
const US = 4n;
const A = 0x20n;
const D = 0x40n;
const PS = 0x80n;
const NX = 1n << 63n;
const ROOT = 0x1000;
const PAGE = 0x8_0000;
/** In the page, for fetches. */
const NOP = 0x10;

interface Mode {
  readonly cr0?: bigint;
  readonly cr4?: bigint;
  readonly efer?: bigint;
  readonly long?: boolean;
}
function machine({ cr0 = CR0.PG | CR0.PE | CR0.WP, cr4 = 0n, efer = 0n, long = false }: Mode): TcgMachine {
  const m = new TcgMachine();
  const { env } = m.cpu;
  env.set64('cr', cr0, 0);
  env.set64('cr', BigInt(ROOT), 3);
  env.set64('cr', cr4, 4);
  env.set64('efer', efer);
  env.set('hflags', HF.PE | (long ? HF.LMA | HF.CS64 : 0) | (cr4 & CR4.SMAP ? HF.SMAP : 0));
  m.cpu.flushAll();
  m.load(PAGE, 0x11);
  m.load(PAGE + NOP, 0x90);
  m.load(PAGE + 0x1234, 0x22);
  return m;
}
/** The exception of an access: vector, and bits of the error code by name. */
function faultOf(m: TcgMachine, access: (m: TcgMachine) => void): string {
  try {
    access(m);
  } catch (exception) {
    if (!(exception instanceof CPUException)) throw exception;
    if (exception.vector !== EXCP.PF) return `vector ${exception.vector}, ${exception.error}`;
    const names = ['P', 'W', 'U', 'RSVD', 'ID', 'PK'].filter((_, bit) => (exception.error! >> bit) & 1);
    return names.join(' ') || 'not present';
  }
  return 'none';
}
const read = (linear: bigint, mode?: AccessMode) => (m: TcgMachine) => void m.cpu.mmu.load8(linear, mode);
const write = (linear: bigint, mode?: AccessMode) => (m: TcgMachine) => m.cpu.mmu.store8(linear, 0x33, mode);
const fetch = (linear: bigint) => (m: TcgMachine) => {
  m.cpu.env.set64('eip', linear + BigInt(NOP));
  m.catching = true;
  m.exception = undefined;
  m.cpu.run(1);
  if (m.exception) throw m.exception;
};
const entries = (m: TcgMachine, ...list: readonly [number, bigint][]): void => {
  for (const [address, entry] of list) m.write64(address, entry);
};

test('without paging linear addresses are physical, and A20 can be masked', () => {
  const m = machine({ cr0: CR0.PE });
  expect(m.cpu.mmu.load8(BigInt(PAGE))).toBe(0x11);
  m.cpu.env.set('a20_mask', 0xffef_ffff);
  m.cpu.flushAll();
  expect(m.cpu.mmu.load8(BigInt(PAGE) + 0x10_0000n)).toBe(0x11);
});

describe('32-bit paging', () => {
  const small = (m: TcgMachine, pde: bigint, pte: bigint): void => {
    const { u32 } = m.cpu.env;
    const at = (address: number): number => m.bytes(address, 4).byteOffset >> 2;
    u32[at(ROOT + 4 * 3)] = Number(0x2000n | pde);
    u32[at(0x2000 + 4 * 5)] = Number(BigInt(PAGE) | pte);
  };
  const LINEAR = (3n << 22n) | (5n << 12n);

  test('4 KiB pages: address, accessed and dirty bits', () => {
    const m = machine({});
    small(m, P | RW | US, P | RW | US);
    expect(m.cpu.mmu.load8(LINEAR)).toBe(0x11);
    expect(m.read64(0x2000 + 20) & 0xfffn).toBe(P | RW | US | A);
    m.cpu.mmu.store8(LINEAR, 0x77);
    expect(m.read64(0x2000 + 20) & 0xfffn).toBe(P | RW | US | A | D);
    expect(m.read64(ROOT + 12) & 0xfffn).toBe(P | RW | US | A);
    expect(m.bytes(PAGE, 1)[0]).toBe(0x77);
  });
  test('rights of both levels count, and WP for the kernel', () => {
    const m = machine({});
    small(m, P | US, P | RW | US);
    expect(faultOf(m, write(LINEAR, 'kernel'))).toBe('P W');
    expect(faultOf(m, write(LINEAR, 'user'))).toBe('P W U');
    expect(faultOf(m, read(LINEAR, 'user'))).toBe('none');
    const lax = machine({ cr0: CR0.PG | CR0.PE });
    small(lax, P | US, P | RW | US);
    expect(faultOf(lax, write(LINEAR, 'kernel'))).toBe('none');
    small(m, P | RW, P | RW | US);
    m.cpu.flushAll();
    expect(faultOf(m, read(LINEAR, 'user'))).toBe('P U');
  });
  test('what is not present', () => {
    const m = machine({});
    small(m, P | RW | US, RW);
    expect(faultOf(m, read(LINEAR, 'kernel'))).toBe('not present');
    expect(faultOf(m, write(LINEAR, 'user'))).toBe('W U');
    expect(m.cpu.env.get64('fault_linear')).toBe(LINEAR);
  });
  test('4 MiB pages with PSE, their reserved bit, and none without PSE', () => {
    const m = machine({ cr4: CR4.PSE });
    m.cpu.env.u32[m.bytes(ROOT, 4).byteOffset >> 2] = Number(P | RW | PS);
    expect(m.cpu.mmu.load8(BigInt(PAGE) + 0x1234n)).toBe(0x22);
    m.cpu.env.u32[m.bytes(ROOT, 4).byteOffset >> 2] = Number(P | RW | PS) | 0x20_0000;
    m.cpu.flushAll();
    expect(faultOf(m, read(BigInt(PAGE), 'kernel'))).toBe('RSVD');
    const old = machine({});
    old.cpu.env.u32[old.bytes(ROOT, 4).byteOffset >> 2] = Number(P | RW | PS) | 0x3000;
    expect(faultOf(old, read(BigInt(PAGE), 'kernel'))).toBe('not present');
  });
});

describe('PAE', () => {
  test('three levels, 4 KiB and 2 MiB', () => {
    const m = machine({ cr4: CR4.PAE, efer: NXE });
    entries(
      m,
      [ROOT + 8 * 2, 0x2000n | P],
      [0x2000 + 8 * 7, 0x3000n | P | RW | US],
      [0x3000 + 8 * 9, BigInt(PAGE) | P | RW | US | NX],
      [0x2000 + 8 * 8, P | RW | PS]
    );
    const base = 2n << 30n;
    expect(m.cpu.mmu.load8(base | (7n << 21n) | (9n << 12n))).toBe(0x11);
    expect(m.cpu.mmu.load8((base | (8n << 21n)) + BigInt(PAGE) + 0x1234n)).toBe(0x22);
  });
  test('reserved bits of each level', () => {
    const m = machine({ cr4: CR4.PAE });
    const check = (at: number, entry: bigint): string => {
      entries(m, [ROOT, 0x2000n | P], [0x2000, 0x3000n | P | RW], [0x3000, BigInt(PAGE) | P | RW]);
      entries(m, [at, m.read64(at) | entry]);
      m.cpu.flushAll();
      return faultOf(m, read(0n, 'kernel'));
    };
    expect(check(ROOT, 0n)).toBe('none');
    expect(check(ROOT, 1n << 40n)).toBe('RSVD');
    expect(check(0x2000, 1n << 51n)).toBe('RSVD');
    expect(check(0x3000, NX)).toBe('RSVD');
    expect(check(0x3000, 1n << 52n)).toBe('RSVD');
  });
});

describe('4-level paging', () => {
  const LONG: Mode = { cr4: CR4.PAE, efer: NXE | 0x500n, long: true };
  /** Maps a linear page at slot 1 of every level. */
  function map(m: TcgMachine, leaf: bigint, upper = P | RW | US): bigint {
    entries(m, [ROOT + 8, 0x2000n | upper], [0x2008, 0x3000n | upper], [0x3008, 0x4000n | upper], [0x4008, leaf]);
    m.cpu.flushAll();
    return (1n << 39n) | (1n << 30n) | (1n << 21n) | (1n << 12n);
  }

  test('4 KiB, 2 MiB and 1 GiB pages', () => {
    const m = machine(LONG);
    const linear = map(m, BigInt(PAGE) | P | RW);
    expect(m.cpu.mmu.load8(linear)).toBe(0x11);
    entries(m, [0x3008, P | RW | PS]);
    m.cpu.flushAll();
    expect(m.cpu.mmu.load8((1n << 39n) | (1n << 30n) | (1n << 21n) | BigInt(PAGE + 0x1234))).toBe(0x22);
    entries(m, [0x2008, P | RW | PS]);
    m.cpu.flushAll();
    expect(m.cpu.mmu.load8((1n << 39n) | (1n << 30n) | BigInt(PAGE + 0x1234))).toBe(0x22);
    expect(m.read64(0x2008)).toBe(P | RW | PS | A);
  });
  test('reserved bits: PS at the top, low address bits of large pages, NX without NXE, beyond the physical address', () => {
    const m = machine(LONG);
    const linear = map(m, BigInt(PAGE) | P | RW);
    const check = (at: number, bits: bigint): string => {
      map(m, BigInt(PAGE) | P | RW);
      entries(m, [at, m.read64(at) | bits]);
      m.cpu.flushAll();
      return faultOf(m, read(linear, 'kernel'));
    };
    expect(check(ROOT + 8, PS)).toBe('RSVD');
    expect(check(0x2008, PS | 0x2000_0000n)).toBe('RSVD');
    expect(check(0x3008, PS | 0x10_0000n)).toBe('RSVD');
    expect(check(0x4008, 1n << 45n)).toBe('RSVD');
    expect(check(0x4008, NX)).toBe('none');
    m.cpu.env.set64('efer', 0x500n);
    expect(check(0x4008, NX)).toBe('RSVD');
  });
  test('NX, and SMEP and SMAP against pages of the user', () => {
    const m = machine(LONG);
    const linear = map(m, BigInt(PAGE) | P | RW | NX);
    expect(faultOf(m, fetch(linear))).toBe('P ID');
    map(m, BigInt(PAGE) | P | RW | US);
    expect(faultOf(m, fetch(linear))).toBe('none');
    const guarded = machine({ ...LONG, cr4: CR4.PAE | CR4.SMEP | CR4.SMAP });
    map(guarded, BigInt(PAGE) | P | RW | US);
    expect(faultOf(guarded, fetch(linear))).toBe('P ID');
    expect(faultOf(guarded, read(linear))).toBe('P');
    expect(faultOf(guarded, read(linear, 'kernel'))).toBe('none');
    guarded.cpu.env.set('eflags', 2 | FLAG.AC);
    expect(faultOf(guarded, write(linear))).toBe('none');
  });
  test('protection keys of user pages', () => {
    const m = machine({ ...LONG, cr4: CR4.PAE | CR4.PKE });
    const linear = map(m, BigInt(PAGE) | P | RW | US | (3n << 59n));
    m.cpu.env.set('pkru', 2 << 6);
    m.cpu.flushAll();
    expect(faultOf(m, read(linear, 'user'))).toBe('none');
    expect(faultOf(m, write(linear, 'user'))).toBe('P W U PK');
    m.cpu.env.set('pkru', 1 << 6);
    m.cpu.flushAll();
    expect(faultOf(m, read(linear, 'user'))).toBe('P U PK');
    expect(faultOf(m, read(linear, 'kernel'))).toBe('P PK');
    expect(faultOf(m, fetch(linear))).toBe('none');
  });
  test('protection keys of supervisor pages', () => {
    const m = machine({ ...LONG, cr4: CR4.PAE | CR4.PKS | CR4.PKE });
    const linear = map(m, BigInt(PAGE) | P | RW | (3n << 59n));
    m.cpu.env.set('pkru', 3 << 6);
    m.cpu.env.set('pkrs', 2 << 6);
    m.cpu.flushAll();
    expect(faultOf(m, read(linear))).toBe('none');
    expect(faultOf(m, write(linear))).toBe('P W PK');
    m.cpu.env.set('pkrs', 1 << 6);
    m.cpu.flushAll();
    expect(faultOf(m, read(linear))).toBe('P PK');
    expect(faultOf(m, read(linear, 'user'))).toBe('P U');
    m.cpu.env.set('pkrs', 1 << 8);
    m.cpu.flushAll();
    expect(faultOf(m, write(linear))).toBe('none');
  });
  test('addresses that are not canonical', () => {
    const m = machine(LONG);
    expect(faultOf(m, read(1n << 47n))).toBe('vector 13, 0');
    expect(faultOf(m, read(-(1n << 48n)))).toBe('vector 13, 0');
    expect(faultOf(m, read(-1n))).toBe('not present');
  });
  test('five levels with LA57', () => {
    const m = machine({ ...LONG, cr4: CR4.PAE | CR4.LA57 });
    map(m, BigInt(PAGE) | P | RW);
    entries(m, [0x5000 + 8, BigInt(ROOT) | P | RW]);
    m.cpu.env.set64('cr', 0x5000n, 3);
    m.cpu.flushAll();
    const linear = (1n << 48n) | (1n << 39n) | (1n << 30n) | (1n << 21n) | (1n << 12n);
    expect(m.cpu.mmu.load8(linear)).toBe(0x11);
    expect(faultOf(m, read(1n << 56n))).toBe('vector 13, 0');
  });
  test('an invalidated address inside a large page forgets the whole page', () => {
    const m = machine(LONG);
    map(m, 0n);
    entries(m, [0x3008, P | RW | PS]);
    const linear = (1n << 39n) | (1n << 30n) | (1n << 21n) | BigInt(PAGE);
    expect(m.cpu.mmu.load8(linear)).toBe(0x11);
    entries(m, [0x3008, 0n]);
    m.cpu.mmu.flushPage(linear + 0x5000n);
    expect(faultOf(m, read(linear, 'kernel'))).toBe('not present');
  });
  test('a store across two pages faults before it stores; a probe stores nothing', () => {
    const m = machine(LONG);
    const linear = map(m, BigInt(PAGE) | P | RW);
    expect(faultOf(m, ({ cpu }) => cpu.mmu.store64(linear + 0xffcn, -1n))).toBe('W');
    expect([...m.bytes(PAGE + 0xffc, 4)]).toEqual([0, 0, 0, 0]);
    expect(faultOf(m, ({ cpu }) => cpu.mmu.probeWrite(linear, 16))).toBe('none');
    expect(faultOf(m, ({ cpu }) => cpu.mmu.probeWrite(linear + 0xff8n, 16))).toBe('W');
    expect(m.bytes(PAGE, 1)[0]).toBe(0x11);
  });
});
