import { expect, test } from 'vitest';
import { RamWatch } from '../../../../src/lib/emulator/debug/ram-watch.ts';
import { smallMachine } from '../../../support/small-machine.ts';

test('tells what pages hold, and which were written since the look before', () => {
  const machine = smallMachine();
  machine.memory.writeBytes(0x5000, Uint8Array.of(1));
  const watch = new RamWatch(machine.physmem);
  const page = (n: number): number => watch.look().find((b) => b.idstr === machine.plan.ramName)!.pages[n]!;
  expect(page(5)).toBe(2);
  expect(page(6)).toBe(1);
  machine.memory.writeBytes(0x6ff0, Uint8Array.of(7));
  machine.memory.writeBytes(0x5000, Uint8Array.of(0));
  const { pages } = watch.look().find((b) => b.idstr === machine.plan.ramName)!;
  expect([pages[5], pages[6], pages[7]]).toEqual([1 | 4, 2 | 4, 1]);
  expect([page(5), page(6)]).toEqual([1, 2]);
});
