import { expect, test } from 'vitest';
import { msix_nr_vectors, vmstate_msix } from '../../../../../src/lib/emulator/hw/pci/msix.ts';
import { pciDevice as codec } from '../../../../../src/lib/emulator/hw/pci/pci.ts';
import { fieldsOf, struct, type Codec, type VMStateDescription } from '../../../../../src/lib/vmstate/vmstate.ts';
import type { MSIXDevice } from '../../../../../src/lib/emulator/hw/pci/msix.ts';
import { block, MSIX_OF_TWO, pciDevice, TWO_VECTORS } from '../../../../support/pci.ts';
import { bitsOf, hex, roundTrip } from '../../../../support/sections.ts';

interface Card {
  parent_obj: MSIXDevice;
}
const f = fieldsOf<Card>();
const vmstate_card: VMStateDescription<Card> = {
  name: 'card',
  version: 1,
  minimumVersion: 1,
  fields: [
    f('parent_obj', codec() as Codec<MSIXDevice>, { name: 'parent_obj[0]' }),
    f('parent_obj', struct(vmstate_msix), { name: 'parent_obj[1]' })
  ]
};

test('the capability says how many vectors there are', () => {
  const { row } = roundTrip(vmstate_card, hex(pciDevice(TWO_VECTORS), MSIX_OF_TWO));
  expect(row('parent_obj[1].msix')).toMatchObject({ start: 276, end: 276 + 33, type: 'msix state' });
  expect(bitsOf(row('parent_obj[1].msix.msix_table[0].data'))).toEqual({ vector: 0x21, level: 1 });
  expect(bitsOf(row('parent_obj[1].msix.msix_table[1].vector_ctrl'))).toEqual({ masked: 1 });
  expect(row('parent_obj[1].msix.msix_pba')).toMatchObject({ start: 308, end: 309 });
});

test('without the capability there is nothing', () => {
  expect(msix_nr_vectors(hex(block(256, {})))).toBe(0);
  roundTrip(vmstate_card, hex(pciDevice({})));
});
