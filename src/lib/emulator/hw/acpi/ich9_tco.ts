/** The TCO watchdog of the ICH9. Source: QEMU hw/acpi/ich9_tco.c; ICH9 datasheet 13.9. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { i64, timer, u16, u8 } from '../../../vmstate/vmstate-types.ts';

export interface TCOIORegs {
  tco: {
    rld: number;
    din: number;
    dout: number;
    sts1: number;
    sts2: number;
    cnt1: number;
    cnt2: number;
    msg1: number;
    msg2: number;
    wdcnt: number;
    tmr: number;
  };
  sw_irq_gen: number;
  tco_timer: bigint;
  expire_time: bigint;
  timeouts_no: number;
}

const tco = fieldsOf<TCOIORegs>();
export const vmstate_tco_io_sts: VMStateDescription<TCOIORegs> = {
  name: 'tco io device status',
  version: 1,
  minimumVersion: 1,
  fields: [
    tco('tco.rld', u16, { doc: 'count left, in steps of 0.6 s', clock: true }),
    tco('tco.din', u8, { doc: 'data from the OS to SMM' }),
    tco('tco.dout', u8, { doc: 'data from SMM to the OS' }),
    tco('tco.sts1', u16, {
      bits: [
        { bit: 0, name: 'NMI2SMI_STS' },
        { bit: 1, name: 'OS_TCO_SMI' },
        { bit: 2, name: 'TCO_INT_STS' },
        { bit: 3, name: 'TIMEOUT', doc: 'the count reached 0' },
        { bit: 7, name: 'NEWCENTURY_STS' },
        { bit: 8, name: 'BIOSWR_STS' },
        { bit: 9, name: 'DMISCI_STS' },
        { bit: 10, name: 'DMISMI_STS' },
        { bit: 12, name: 'DMISERR_STS' }
      ]
    }),
    tco('tco.sts2', u16, {
      bits: [
        { bit: 0, name: 'INTRD_DET' },
        { bit: 1, name: 'SECOND_TO_STS', doc: 'the count reached 0 twice' },
        { bit: 2, name: 'BOOT_STS' },
        { bit: 4, name: 'SMLINK_SLV_SMI_STS' }
      ]
    }),
    tco('tco.cnt1', u16, {
      bits: [
        { bit: 8, name: 'NMI_NOW' },
        { bit: 9, name: 'NMI2SMI_EN' },
        { bit: 11, name: 'TCO_TMR_HLT', doc: 'halted' },
        { bit: 12, name: 'TCO_LOCK' }
      ]
    }),
    tco('tco.cnt2', u16, {
      bits: [
        { bit: 1, width: 2, name: 'INTRD_SEL' },
        { bit: 4, width: 2, name: 'OS_POLICY' }
      ]
    }),
    tco('tco.msg1', u8),
    tco('tco.msg2', u8),
    tco('tco.wdcnt', u8, { doc: 'boot progress, for a management controller' }),
    tco('tco.tmr', u16, { doc: 'count to begin with, in steps of 0.6 s' }),
    tco('sw_irq_gen', u8, {
      bits: [
        { bit: 0, name: 'IRQ1_CAUSE' },
        { bit: 1, name: 'IRQ12_CAUSE' }
      ]
    }),
    tco('tco_timer', timer, { unit: 'ns', clock: true }),
    tco('expire_time', i64, { unit: 'ns', clock: true, values: { [-1]: 'not running' } }),
    tco('timeouts_no', u8, { doc: 'timeouts so far; the second one resets' })
  ]
};
