/** The IDE function of PIIX3 and PIIX4. Source: QEMU hw/ide/piix.c; 82371SB datasheet 2.3. */
import { reg16 } from '../core/register.ts';
import { vmstateIdePci } from './pci.ts';

const IDETIM = {
  radix: 16 as const,
  bits: [
    { name: 'TIME0', bit: 0 },
    { name: 'IE0', bit: 1 },
    { name: 'PPE0', bit: 2 },
    { name: 'DTE0', bit: 3 },
    { name: 'TIME1', bit: 4 },
    { name: 'IE1', bit: 5 },
    { name: 'PPE1', bit: 6 },
    { name: 'DTE1', bit: 7 },
    { name: 'RTC', bit: 8, width: 2, doc: 'recovery time' },
    { name: 'ISP', bit: 12, width: 2, doc: 'sample point' },
    { name: 'SITRE', bit: 14 },
    { name: 'IDE', bit: 15, doc: 'the channel answers at its ports' }
  ]
};

export const vmstate_ide_pci = vmstateIdePci([
  reg16(0x40, 'IDETIM_primary', IDETIM),
  reg16(0x42, 'IDETIM_secondary', IDETIM)
]);
