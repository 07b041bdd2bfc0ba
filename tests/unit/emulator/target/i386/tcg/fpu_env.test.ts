/** The environment in its four layouts, and how pending exceptions of the x87 are raised. Layouts: SDM 1, figures 8-9 to 8-12. */
import { expect, test } from 'vitest';
import { TcgMachine } from '../../../../../support/tcg-machine.ts';

const AREA = 0x6000;
const [RBX, RDI] = [3, 7];
const words = (machine: TcgMachine, bytes: 2 | 4, count: number): string[] => {
  const view = Buffer.from(machine.bytes(AREA, bytes * count));
  return Array.from({ length: count }, (_, i) =>
    (bytes === 2 ? view.readUInt16LE(2 * i) : view.readUInt32LE(4 * i)).toString(16)
  );
};

/** FLD1, FSQRT of memory at DS:6000 + 34, then the environment. */
function protectedMode(): TcgMachine {
  const machine = new TcgMachine();
  machine.protectedMode(0x1_2340n);
  machine.setReg(RDI, BigInt(AREA));
  // 12340: fld dword [edi+34], 12343: fnstenv [edi], 12345: data16 fnstenv [edi]
  machine.load(0x1_2340, 0xd9, 0x47, 0x34, 0xd9, 0x37, 0x66, 0xd9, 0x37, 0xd9, 0x27, 0xd9, 0x37);
  machine.load(AREA + 0x34, 0, 0, 0x80, 0x3f);
  return machine;
}

test('protected mode, 32 bits: words with ones above them, offset and selector of instruction and operand', () => {
  const machine = protectedMode();
  machine.cpu.run(2);
  expect(words(machine, 4, 7)).toEqual(['ffff037f', 'ffff3800', 'ffff3fff', '12340', '8', '6034', 'ffff0010']);
});

test('protected mode, 16 bits', () => {
  const machine = protectedMode();
  machine.cpu.run(1);
  machine.cpu.env.set64('eip', 0x1_2345n);
  machine.cpu.run(1);
  expect(words(machine, 2, 7)).toEqual(['37f', '3800', '3fff', '2340', '8', '6034', '10']);
});

test('FLDENV takes the pointers back', () => {
  const machine = protectedMode();
  machine.cpu.run(2);
  const { env } = machine.cpu;
  env.set64('fpip', 0n);
  env.set64('fpdp', 0n);
  env.set('fpcs', 0);
  env.set64('eip', 0x1_2348n);
  machine.cpu.run(1);
  expect([env.get64('fpip'), env.get('fpcs'), env.get64('fpdp'), env.get('fpds')]).toEqual([
    0x1_2340n,
    8,
    0x6034n,
    0x10
  ]);
});

test('real mode: linear addresses in two pieces', () => {
  const machine = new TcgMachine();
  const { env } = machine.cpu;
  machine.realMode(0x1234, 0x10n);
  machine.setReg(RBX, BigInt(AREA));
  // 12350: fld dword [bx+34], 12353: fnstenv [bx], 12355: data32 fnstenv [bx]
  machine.load(0x1_2350, 0xd9, 0x47, 0x34, 0xd9, 0x37, 0x66, 0xd9, 0x37);
  machine.cpu.run(2);
  expect(words(machine, 2, 7).slice(3)).toEqual(['2350', '1000', '6034', '0']);
  env.set64('fpdp', 0x9_8765n);
  machine.cpu.run(1);
  expect(words(machine, 4, 7).slice(3)).toEqual(['ffff2350', '1000', 'ffff8765', '9000']);
});

/** 1 ÷ 0 with division by zero not masked, then FWAIT. */
function divideByZero(cr0: bigint): TcgMachine & { ferrs: number } {
  const machine = Object.assign(new TcgMachine(), { ferrs: 0 });
  machine.cpu.outside.ferr = () => void machine.ferrs++;
  machine.longMode(0x1_0000n);
  machine.cpu.env.set64('cr', cr0, 0);
  machine.cpu.env.set('fpuc', 0x37b);
  machine.cpu.env.set('fpus', 0);
  for (let n = 0; n < 8; n++) machine.cpu.env.u8[machine.cpu.env.base + machine.cpu.env.offsetOf('fptags') + n] = 1;
  machine.load(0x1_0000, 0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9, 0x9b, 0x90);
  return machine;
}

test('an exception that is not masked waits for the next instruction of the x87, and leaves the operands', () => {
  const machine = divideByZero(0x8001_0033n);
  machine.cpu.run(3);
  const { env } = machine.cpu;
  // ES, B and ZE; TOP as before: nothing was popped.
  expect(env.get('fpus')).toBe(0x8084);
  expect(env.get('fpstt')).toBe(6);
  expect(machine.eip).toBe(0x1_0006n);
  // Without an IDT, #MF ends in a triple fault.
  machine.cpu.run(1);
  expect(machine.tripleFaults).toBe(1);
  expect(machine.ferrs).toBe(0);
});

test('with CR0.NE clear it is told by FERR#, and the instruction goes on', () => {
  const machine = divideByZero(0x8001_0013n);
  machine.cpu.run(4);
  expect(machine.ferrs).toBe(1);
  expect(machine.tripleFaults).toBe(0);
  expect(machine.eip).toBe(0x1_0007n);
});
