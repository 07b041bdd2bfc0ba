import { expect, test } from 'vitest';
import {
  barAddress,
  configWord,
  findCapability,
  pciConfig,
  PCI_ROM_ADDRESS
} from '../../../src/lib/vmstate/pci-config.ts';
import type { Placed } from '../../../src/lib/vmstate/vmstate.ts';
import { configSpace, snapshot } from '../../support/snapshots.ts';

test('the space is found inside its struct, as bytes', () => {
  const config = configSpace({ 0: 0x12341af4 });
  const s = snapshot({ sections: [{ name: 'x', fields: { version: 2, dev: { config } } }] });
  expect(pciConfig(s.sections[0])).toEqual(config);
  expect(pciConfig(undefined)).toBeUndefined();
});

test('it is put together from registers when those were decoded', () => {
  const row = (name: string, start: number, end: number, value: Placed['value']): Placed => ({
    name,
    type: '',
    start,
    end,
    value
  });
  const config: Placed = {
    name: 'config',
    type: 'pci config',
    start: 1000,
    end: 1256,
    children: [
      row('vendor_id', 1000, 1002, 0x1af4),
      row('BAR4', 1032, 1040, 0xfe00_0000_0000_000cn),
      row('rest', 1254, 1256, Uint8Array.of(7, 8))
    ]
  };
  const s = snapshot({ sections: [{ name: 'x' }] });
  const bytes = pciConfig({ ...s.sections[0]!, fields: [config] })!;
  expect(configWord(bytes, 0)).toBe(0x1af4);
  expect([...bytes.subarray(32, 40)]).toEqual([0x0c, 0, 0, 0, 0, 0, 0, 0xfe]);
  expect([bytes[254], bytes[255]]).toEqual([7, 8]);
});

test('BARs are addresses while memory decoding is on', () => {
  const on = { 4: 2 };
  expect(barAddress(configSpace({ ...on, 0x10: 0xfd000008 }), 0x10)).toBe(0xfd000000);
  expect(barAddress(configSpace({ 0x10: 0xfd000008 }), 0x10)).toBeUndefined();
  expect(barAddress(configSpace({ ...on, 0x10: 0xc001 }), 0x10)).toBeUndefined();
  expect(barAddress(configSpace({ ...on, 0x10: 0 }), 0x10)).toBeUndefined();
  expect(barAddress(configSpace({ ...on, 0x18: 0x4, 0x1c: 2 }), 0x18)).toBe(2 ** 33);
  expect(barAddress(configSpace({ ...on, 0x30: 0xfeb00001 }), PCI_ROM_ADDRESS)).toBe(0xfeb00000);
  expect(barAddress(configSpace({ ...on, 0x30: 0xfeb00000 }), PCI_ROM_ADDRESS)).toBeUndefined();
});

test('a capability list that loops ends', () => {
  const config = configSpace({ 0x34: 0x40, 0x40: 0x5009, 0x50: 0x4011 });
  expect(findCapability(config, 0x11)).toBe(0x50);
  expect(findCapability(config, 0x05)).toBeUndefined();
});
