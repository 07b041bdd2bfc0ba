/** Errors of the x87 as MS-DOS has them: interrupt 13, and port F0. Source: QEMU target/i386/tcg/sysemu/fpu_helper.c. */
import { afterAll, expect, test } from 'vitest';
import { fpuOf } from '../../../../../src/lib/emulator/target/i386/tcg/fpu-stack.ts';
import { smallMachine } from '../../../../support/small-machine.ts';

const machine = smallMachine();
afterAll(() => machine.destroy());
const { ports, pic } = machine.board.pc;
const [INVALID, IGNNE] = [1, 1 << 7];
const requests = (): number => pic.slave.irr & 0x20;

test('An error asks for its interrupt until port F0 is written, and again after the next one', () => {
  const fpu = fpuOf(machine.cpu);
  fpu.setControlWord(0x37f & ~INVALID);
  fpu.setStatusWord(INVALID);
  fpu.wait();
  expect(requests()).toBe(0x20);

  // The handler begins: the line falls, and instructions that would wait go on.
  ports.write(0xf0, 0, 1);
  expect(machine.cpu.env.get('hflags2') & IGNNE).toBe(IGNNE);
  pic.slave.irr = 0;
  fpu.wait();
  expect(requests()).toBe(0);

  fpu.setStatusWord(0);
  expect(machine.cpu.env.get('hflags2') & IGNNE).toBe(0);
  fpu.setStatusWord(INVALID);
  fpu.wait();
  expect(requests()).toBe(0x20);
});

test('The ports of errors and of diagnostic codes read all ones', () => {
  ports.write(0x80, 0x55, 1);
  expect([ports.read(0x80, 1), ports.read(0xf0, 1)]).toEqual([0xff, 0xff]);
});
