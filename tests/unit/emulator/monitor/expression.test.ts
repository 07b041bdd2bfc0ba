import { expect, test } from 'vitest';
import {
  compare,
  parseExpression,
  registersOf,
  type Registers
} from '../../../../src/lib/emulator/monitor/expression.ts';
import { TcgMachine } from '../../../support/tcg-machine.ts';

const registers: Registers = (name) => (name === 'rax' ? 5n : undefined);
const value = (text: string): bigint => parseExpression(text, registers);

test.each<[string, bigint]>([
  ['7', 7n],
  ['0x10', 16n],
  [' 1 + 2 * 3 ', 7n],
  ['(1+2)*3', 9n],
  ['10/3', 3n],
  ['10%3', 1n],
  ['$rax+1', 6n],
  ['$RAX', 5n],
  ['-1', 0xffff_ffff_ffff_ffffn],
  ['~0', 0xffff_ffff_ffff_ffffn],
  ['0xffffffffffffffff+2', 1n]
])('%s is worked out in 64 bits', (text, result) => {
  expect(value(text)).toBe(result);
});

test('Sums bind looser than |, as in QEMU: its monitor says -8 to 1-2-3|4', () => {
  expect(BigInt.asIntN(64, value('1-2-3|4'))).toBe(-8n);
});

test.each([
  ['', 'unexpected end of expression'],
  ['1+', 'unexpected end of expression'],
  ['(1', "')' expected"],
  ['5/0', 'division by zero'],
  ['5%0', 'division by zero'],
  ['$foo', "unknown register '$foo'"],
  ['1 2', "unexpected '2' in expression"],
  ['*', "unexpected '*' in expression"],
  ['1;2', 'invalid char in expression: 1;2']
])("'%s' is refused: %s", (text, message) => {
  expect(() => value(text)).toThrow(message);
});

test('A megabyte of brackets is refused, not recursed into', () => {
  expect(() => value('('.repeat(1 << 20))).toThrow('invalid char in expression');
});

test.each<[string, boolean]>([
  ['$rax == 5', true],
  ['$rax != 5', false],
  ['$rax <= 4', false],
  ['$rax >= 5', true],
  ['$rax < 6', true],
  ['-1 > 1', true],
  ['$rax', true],
  ['$rax - 5', false]
])('The condition %s is %s, unsigned', (text, holds) => {
  expect(compare(text, registers)).toBe(holds);
});

test('Registers go by the names of 64 and of 32 bits; pc is where they lead', () => {
  const { cpu } = new TcgMachine();
  cpu.env.set64('regs', 0x1122n, 3);
  cpu.env.set64('regs', 0x3344n, 9);
  cpu.env.set64('eip', 0xfff0n);
  cpu.env.set64('cr', 0x5000n, 3);
  cpu.env.set('seg_selector', 0x33, 1);
  cpu.env.set64('seg_base', 0x7f00n, 4);
  const of = registersOf(cpu);
  expect(['rbx', 'ebx', 'r9', 'rip', 'pc', 'cr3', 'cs', 'fs.base', 'cr1', 'xyz'].map(of)).toEqual([
    ...[0x1122n, 0x1122n, 0x3344n, 0xfff0n, 0xffff_fff0n, 0x5000n, 0x33n, 0x7f00n],
    ...[undefined, undefined]
  ]);
});
