import { expect, test } from 'vitest';
import { vmstate_pic } from '../../../../../src/lib/emulator/hw/intc/i8259.ts';
import { bitsOf, hex, roundTrip, subsection } from '../../../../support/sections.ts';

const SLAVE = '00 00 8e 00 00 70 00 00 00 00 00 00 00 01 00 0c';

test('the second PIC as SeaBIOS leaves it', () => {
  const pic = roundTrip(vmstate_pic, hex(SLAVE));
  expect(bitsOf(pic.row('imr'))).toEqual({ IR1: 1, IR2: 1, IR3: 1, IR7: 1 });
  expect(pic.row('irq_base')).toMatchObject({ start: 5, value: 0x70, about: { radix: 16 } });
  expect(bitsOf(pic.row('elcr'))).toEqual({ IR2: 1, IR3: 1 });
});

test('a PIC with level-triggered inputs throughout', () => {
  expect(roundTrip(vmstate_pic, hex(SLAVE, subsection('i8259/ltim', 1, '01'))).state.ltim).toBe(1);
});
