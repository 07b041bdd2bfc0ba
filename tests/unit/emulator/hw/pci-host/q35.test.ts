import { expect, test } from 'vitest';
import { vmstate_mch } from '../../../../../src/lib/emulator/hw/pci-host/q35.ts';
import { pciDevice } from '../../../../support/pci.ts';
import { bitsOf, hex, roundTrip } from '../../../../support/sections.ts';

test('the hub says where configuration space, shadows and SMM memory are', () => {
  const bytes = { 0: '8680 c029', 0x60: '010000b0 00000000', 0x90: '30', 0x9c: '00 0a 01' };
  const { row } = roundTrip(vmstate_mch, hex(pciDevice(bytes), '00'));
  const at = (name: string) => bitsOf(row(`parent_obj.config[0].${name}`));
  expect(at('PCIEXBAR')).toMatchObject({ ENABLE: 1, base: 0xb0000000 / 0x4000000 });
  expect(at('PAM0')).toEqual({ 'f0000-fffff': 'RAM' });
  expect(at('SMRAM')).toMatchObject({ G_SMRAME: 1 });
  expect(at('ESMRAMC')).toEqual({ T_EN: 1 });
});
