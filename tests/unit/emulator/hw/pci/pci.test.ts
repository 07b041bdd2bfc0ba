import { expect, test } from 'vitest';
import { capabilitiesOf, pciDevice, pcieDevice, vmstate_pcibus } from '../../../../../src/lib/emulator/hw/pci/pci.ts';
import { fieldsOf, type Codec, type VMStateDescription } from '../../../../../src/lib/vmstate/vmstate.ts';
import { block, pciDevice as device } from '../../../../support/pci.ts';
import { bitsOf, hex, roundTrip, zeros } from '../../../../support/sections.ts';

interface Card {
  dev: { version_id: number; config: Uint8Array; irq_state: number[] };
}
const card = (codec: Codec<Card['dev']>): VMStateDescription<Card> => ({
  name: 'card',
  version: 1,
  minimumVersion: 1,
  fields: [fieldsOf<Card>()('dev', codec)]
});
const conventional = card(pciDevice());

test('the head of a configuration space has its names', () => {
  const { row } = roundTrip(conventional, hex(device({ 0: '8680 0071 0701 8002 01 80 0101 00 00 00 00' })));
  const config = row('dev.config[0]');
  expect(config).toMatchObject({ start: 4, end: 260, type: 'pci config' });
  expect(row('dev.config[0].vendor_id')).toMatchObject({ start: 4, end: 6, value: 0x8086 });
  expect(row('dev.config[0].vendor_id')?.about?.values?.[0x8086]).toBe('Intel');
  expect(row('dev.config[0].class_device')?.about?.values?.[0x0101]).toBe('IDE controller');
  expect(bitsOf(row('dev.config[0].command'))).toEqual({ IO: 1, MEMORY: 1, MASTER: 1, SERR: 1 });
  expect(bitsOf(row('dev.config[0].status'))).toEqual({ FAST_BACK: 1, DEVSEL: 'medium' });
});

test('base address registers are ports, memory, or 64 bits in the place of two', () => {
  const { row } = roundTrip(
    conventional,
    hex(device({ 0x10: '01c00000 0010 bffe 00000000 00000000 0c0000fe 01000000' }))
  );
  expect(bitsOf(row('dev.config[0].BAR0'))).toEqual({ IO_SPACE: 1, address: 0xc000 >> 2 });
  expect(row('dev.config[0].BAR1')).toMatchObject({ value: 0xfebf1000, about: { pointer: 'gpa' } });
  expect(row('dev.config[0].BAR4')).toMatchObject({ type: 'le64', value: 0x1fe00000cn });
  expect(row('dev.config[0].BAR5')).toBeUndefined();
});

test('capabilities are found by the list and keep their places', () => {
  const bytes = {
    0x06: '1000',
    0x34: '40',
    0x40: '05 50 8100 0000e0fe 00000000 3140 0000',
    0x50: '01 60 0300 0300 0000',
    0x60: '09 70 10 01 04000000 00000000 00100000',
    0x70: '09 80 10 03 04000000 00200000 00100000',
    0x80: '99 00'
  };
  const { row } = roundTrip(conventional, hex(device(bytes)));
  expect(row('dev.config[0].msi')).toMatchObject({
    start: 4 + 0x40,
    end: 4 + 0x4e,
    about: { doc: 'Message signalled interrupts' }
  });
  expect(bitsOf(row('dev.config[0].msi.flags'))).toEqual({ ENABLE: 1, '64BIT': 1 });
  expect(bitsOf(row('dev.config[0].msi.data'))).toMatchObject({ vector: 0x31 });
  expect(bitsOf(row('dev.config[0].pm.ctrl'))).toEqual({ STATE: 'D3hot' });
  expect(row('dev.config[0].vndr_60.cfg_type')?.about?.values?.[1]).toBe('common configuration');
  expect(row('dev.config[0].vndr_70.offset')?.value).toBe(0x2000);
  expect(row('dev.config[0].cap_99')).toMatchObject({ start: 4 + 0x80, end: 4 + 0x82 });
});

test('a list that runs in circles ends', () => {
  const config = hex(block(256, { 0x06: '1000', 0x34: '40', 0x40: '01 50', 0x50: '01 40' }));
  expect(capabilitiesOf(config)).toEqual([
    { id: 1, at: 0x40 },
    { id: 1, at: 0x50 }
  ]);
  roundTrip(conventional, hex('00000002', Buffer.from(config).toString('hex'), zeros(16)));
});

test('a capability at the very end is cut there', () => {
  const { row } = roundTrip(conventional, hex(device({ 0x06: '1000', 0x34: 'fc', 0xfc: '11 00 0380' })));
  expect(row('dev.config[0].msix')).toMatchObject({ start: 4 + 0xfc, end: 260 });
  expect(row('dev.irq_state')).toMatchObject({ start: 260, end: 276 });
});

test('a bridge has buses where a device has base addresses', () => {
  const { row } = roundTrip(conventional, hex(device({ 0x0e: '01', 0x18: '00 01 02', 0x3e: '0200' })));
  expect(row('dev.config[0].secondary_bus')?.value).toBe(1);
  expect(bitsOf(row('dev.config[0].bridge_control'))).toEqual({ SERR: 1 });
  expect(row('dev.config[0].BAR2')).toBeUndefined();
});

test('PCI Express has 4096 bytes with extended capabilities', () => {
  const bytes = { 0x100: '0e000214', 0x140: '0f000100 00000080' };
  const { row } = roundTrip(card(pcieDevice()), hex(device(bytes, 0x1000)));
  expect(row('dev.config[1]')).toMatchObject({ start: 4, end: 4100 });
  expect(bitsOf(row('dev.config[1].ari.header'))).toEqual({ id: 0x0e, version: 2, next: 0x140 });
  expect(bitsOf(row('dev.config[1].ats.ctrl'))).toEqual({ ENABLE: 1 });
});

test('what QEMU refuses is said: a newer struct, a pin that is neither high nor low', () => {
  const { complaints } = roundTrip(conventional, hex('00000003', zeros(256), '00000001 00000002 00000000 00000000'));
  expect(complaints).toEqual([
    { at: 0, path: 'version_id', message: 'PCIDevice of version 3, at most 2' },
    { at: 260, path: 'irq_state', message: 'a pin is neither 0 nor 1' }
  ]);
});

test('a bus tells how many lines it has', () => {
  const bus = roundTrip(vmstate_pcibus, hex('00000004 00000000 00000001 00000000 00000002'));
  expect(bus.row('irq_count[3]')).toMatchObject({ start: 16, value: 2 });
  expect(roundTrip(vmstate_pcibus, hex('00000000')).state.irq_count).toEqual([]);
});
