import { expect, test } from 'vitest';
import { vmstate_xhci_pci } from '../../../../../src/lib/emulator/hw/usb/hcd-xhci.ts';
import { MSIX_OF_TWO, pciDevice, TWO_VECTORS } from '../../../../support/pci.ts';
import { bitsOf, hex, roundTrip, zeros } from '../../../../support/sections.ts';

const REGISTERS = '00000002 00000000 00000001 00300000 00000000 00301008 00000000';
const INTERRUPTER = `${REGISTERS} 01 01 0000000000301000 00000100 00000002`;
const TAIL =
  '00000005 00000000 00000002 00302000 00000000 00303000 00000000 00000040 0000000000989680 ffffffffffffffff 0000000000302010 01';
const body = (ports: number, interrupters = `${INTERRUPTER} 00`.repeat(2)): Uint8Array =>
  hex(
    pciDevice({ 0: '361b 0d00', ...TWO_VECTORS }, 0x1000),
    MSIX_OF_TWO,
    '000206e1'.repeat(ports),
    '01 01' + zeros(126),
    interrupters,
    TAIL
  );

test('ports, slots, and as many interrupters as vectors', () => {
  const { row, state } = roundTrip(vmstate_xhci_pci, body(8));
  expect(state.xhci.ports).toHaveLength(8);
  expect(bitsOf(row('xhci.ports[0].portsc'))).toMatchObject({ CCS: 1, PLS: 'polling', PP: 1, CSC: 1 });
  expect(row('xhci.intr[1].er_start')).toMatchObject({ value: 0x301000n, about: { pointer: 'gpa' } });
  expect(bitsOf(row('xhci.usbcmd'))).toEqual({ RS: 1, INTE: 1 });
  expect(row('xhci.cmd_ring.ccs')?.value).toBe(true);
});

test('the number of ports is told by where the section ends', () => {
  expect(roundTrip(vmstate_xhci_pci, body(30)).state.xhci.ports).toHaveLength(30);
  expect(roundTrip(vmstate_xhci_pci, body(1)).state.xhci.ports).toHaveLength(1);
});
