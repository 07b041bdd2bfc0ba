import { expect, test } from 'vitest';
import { invertIrq, orIrq, pulseIrq, splitIrq } from '../../../../../src/lib/emulator/hw/core/irq.ts';

test('a split line drives all its ends in order', () => {
  const log: string[] = [];
  splitIrq(
    (level) => log.push(`a${level}`),
    (level) => log.push(`b${level}`)
  )(1);
  expect(log).toEqual(['a1', 'b1']);
});

test('an OR of lines is high while one of them is', () => {
  const out: number[] = [];
  const [a, b] = orIrq(2, (level) => out.push(level));
  a!(1);
  b!(5);
  a!(0);
  b!(0);
  expect(out).toEqual([1, 1, 1, 0]);
});

test('a pulse goes up and down; an inverted one down and up', () => {
  const out: number[] = [];
  pulseIrq((level) => out.push(level));
  pulseIrq(invertIrq((level) => out.push(level)));
  expect(out).toEqual([1, 0, 0, 1]);
});
