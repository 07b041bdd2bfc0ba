import { expect, test } from 'vitest';
import { Chardev } from '../../../../../src/lib/emulator/chardev/char.ts';
import { ISADebugcon } from '../../../../../src/lib/emulator/hw/char/debugcon.ts';
import { pcBoard } from '../../../../support/pc-board.ts';

test('bytes go to the character device, and reading says that somebody listens', () => {
  const { host, in: read, out } = pcBoard();
  const said: number[] = [];
  new ISADebugcon(host, { iobase: 0x402, readback: 0xe9 }, new Chardev('debugcon', (bytes) => said.push(...bytes)));
  for (const letter of 'Ab') out(0x402, letter.charCodeAt(0));
  expect(said).toEqual([0x41, 0x62]);
  expect(read(0x402)).toBe(0xe9);
});
