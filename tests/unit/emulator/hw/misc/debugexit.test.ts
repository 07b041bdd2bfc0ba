import { expect, test } from 'vitest';
import { ISA_DEBUG_EXIT_DEFAULTS, ISADebugExit } from '../../../../../src/lib/emulator/hw/misc/debugexit.ts';
import { pcBoard } from '../../../../support/pc-board.ts';

test('the status is twice what was written, plus one; reads give nothing', () => {
  const board = pcBoard();
  const statuses: number[] = [];
  new ISADebugExit(board.host, { iobase: 0xf4, iosize: 4 }, (status) => statuses.push(status));
  board.out(0xf4, 0);
  board.out(0xf4, 0x10, 4);
  board.out(0xf7, 0x7f);
  board.out(0xf8, 1);
  expect(board.in(0xf4)).toBe(0);
  expect(statuses).toEqual([1, 0x21, 0xff]);
});

test('it is at 0x501 when nobody says otherwise', () => {
  const board = pcBoard();
  const statuses: number[] = [];
  new ISADebugExit(board.host, ISA_DEBUG_EXIT_DEFAULTS, (status) => statuses.push(status));
  board.out(0x501, 3, 2);
  board.out(0x503, 3);
  expect(statuses).toEqual([7]);
});
