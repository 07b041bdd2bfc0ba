import { expect, test } from 'vitest';
import { testHost } from '../../../../support/device-host.ts';
import { Port92, vmstate_port92_isa } from '../../../../../src/lib/emulator/hw/i386/port92.ts';
import { bitsOf, hex, roundTrip } from '../../../../support/sections.ts';

test('address line 20 is let through', () => {
  expect(bitsOf(roundTrip(vmstate_port92_isa, hex('02')).row('outport'))).toEqual({ A20: 1 });
});

test('bit 1 is A20, bit 0 resets the machine when it rises', () => {
  const { host, out, in: read, line } = testHost();
  const a20 = line();
  let resets = 0;
  const port92 = new Port92(host, a20.irq, () => resets++);
  out(0x92, 2);
  expect([a20.level, read(0x92), resets]).toEqual([1, 2, 0]);
  out(0x92, 3);
  out(0x92, 3);
  expect(resets).toBe(1);
  port92.reset();
  expect(read(0x92)).toBe(2);
});
