/** What this machine's CPU may lack, and its random programs do not reach. */
import { describe, expect, test } from 'vitest';
import { FLAG, R_ECX, R_EDI, R_EDX } from '../../../../../../../src/lib/emulator/target/i386/env.ts';
import { TcgMachine } from '../../../../../../support/tcg-machine.ts';

const CODE = 0x20_0000;
const MEMORY = 0x30_0000;

describe('CMPccXADD', () => {
  const machine = new TcgMachine();
  let next = CODE;
  /** CMPccXADD [RDI], ECX, EDX, with 5 in ECX and 100 in EDX; then LAHF. */
  function run(condition: number, found: number): { memory: number; ecx: bigint; flags: number } {
    const { env } = machine.cpu;
    machine.longMode(BigInt(CODE));
    env.set64('eip', BigInt(next));
    machine.dma(next, 0xc4, 0xe2, 0x69, 0xe0 + condition, 0x0f, 0x9f);
    next += 16;
    machine.setReg(R_EDI, BigInt(MEMORY));
    machine.setReg(R_ECX, 0xffff_ffff_0000_0005n);
    machine.setReg(R_EDX, 100n);
    machine.write64(MEMORY, 0xdead_beef_0000_0000n | BigInt(found >>> 0));
    machine.cpu.run(2);
    expect(machine.read64(MEMORY) >> 32n).toBe(0xdead_beefn);
    const flags = Number(machine.reg(0) >> 8n) & 0xff;
    return { memory: Number(machine.read64(MEMORY) & 0xffff_ffffn), ecx: machine.reg(R_ECX), flags };
  }

  test.each([
    ['z', 4, 5, 105],
    ['z', 4, 6, 6],
    ['nz', 5, 6, 106],
    ['b', 2, 4, 104],
    ['b', 2, -1, -1],
    ['l', 12, -1, 99],
    ['nle', 15, 6, 106]
  ])('%s (%i) finds %i and leaves %i', (_, condition, found, expected) => {
    expect(run(condition, found)).toMatchObject({ memory: expected >>> 0, ecx: BigInt(found >>> 0) });
  });

  test('flags are those of the comparison of memory with the register', () => {
    expect(run(4, 4).flags & (FLAG.CF | FLAG.ZF | FLAG.SF)).toBe(FLAG.CF | FLAG.SF);
    expect(run(4, 5).flags & (FLAG.CF | FLAG.ZF | FLAG.SF)).toBe(FLAG.ZF);
    expect(run(4, 6).flags & (FLAG.CF | FLAG.ZF | FLAG.SF)).toBe(0);
  });
});
