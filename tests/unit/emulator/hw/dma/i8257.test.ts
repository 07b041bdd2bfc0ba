import { expect, test } from 'vitest';
import { vmstate_i8257 } from '../../../../../src/lib/emulator/hw/dma/i8257.ts';
import { bitsOf, hex, roundTrip, zeros } from '../../../../support/sections.ts';

test('channel 2 after the floppy controller read a sector', () => {
  const dma = roundTrip(
    vmstate_i8257,
    hex('00 fb 00 00000000', zeros(34), '00007c00 00000200 7c00 01ff 46 00 00 00 00', zeros(17))
  );
  expect(dma.row('regs[2].now[1]')).toMatchObject({ start: 45, value: 512, about: { unit: 'bytes' } });
  expect(bitsOf(dma.row('regs[2].mode'))).toEqual({ transfer: 'write memory', mode: 'single' });
  expect(bitsOf(dma.row('mask'))).toEqual({ 'channel 0': 1, 'channel 1': 1, 'channel 3': 1 });
});
