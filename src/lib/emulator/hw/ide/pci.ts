/** PCI IDE controllers with two channels and bus-master DMA. Source: QEMU hw/ide/pci.c. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, i64, u32, u8 } from '../../../vmstate/vmstate-types.ts';
import type { RegisterInfo } from '../core/register.ts';
import { pciDevice, type PCIDevice } from '../pci/pci.ts';
import { ideBus, ideDrive, type IDEBus } from './core.ts';

export interface BMDMAState {
  cmd: number;
  migration_compat_status: number;
  addr: number;
  migration_retry_sector_num: bigint;
  migration_retry_nsector: number;
  migration_retry_unit: number;
  cur_addr: number;
  cur_prd_last: number;
  cur_prd_addr: number;
  cur_prd_len: number;
  status: number;
}
export interface PCIIDEState {
  parent_obj: PCIDevice;
  bmdma: BMDMAState[];
  bus: IDEBus[];
}

const STATUS = [
  { name: 'DMAING', bit: 0, doc: 'a transfer is under way' },
  { name: 'ERROR', bit: 1 },
  { name: 'INT', bit: 2, doc: 'the drive has raised its interrupt' }
];

const bm = fieldsOf<BMDMAState>();
const bmdma = struct<BMDMAState>({
  name: 'ide bmdma',
  version: 3,
  minimumVersion: 0,
  fields: [
    bm('cmd', u8, {
      bits: [
        { name: 'START', bit: 0 },
        { name: 'READ', bit: 3, values: { 0: 'memory to drive', 1: 'drive to memory' } }
      ]
    }),
    bm('migration_compat_status', u8, {
      bits: [
        ...STATUS,
        { name: 'RETRY_DMA', bit: 3 },
        { name: 'RETRY_PIO', bit: 4 },
        { name: 'RETRY_READ', bit: 5 },
        { name: 'RETRY_FLUSH', bit: 6 },
        { name: 'RETRY_TRIM', bit: 7 }
      ]
    }),
    bm('addr', u32, { doc: 'Table of memory regions (PRD)', pointer: 'gpa', radix: 16 }),
    bm('migration_retry_sector_num', i64, { unit: 'sectors' }),
    bm('migration_retry_nsector', u32, { unit: 'sectors' }),
    bm('migration_retry_unit', u8)
  ],
  subsections: [
    {
      name: 'ide bmdma_current',
      version: 1,
      minimumVersion: 1,
      doc: 'Where in its table a transfer is',
      fields: [
        bm('cur_addr', u32, { pointer: 'gpa', radix: 16 }),
        bm('cur_prd_last', u32),
        bm('cur_prd_addr', u32, { pointer: 'gpa', radix: 16 }),
        bm('cur_prd_len', u32, { unit: 'bytes' })
      ]
    },
    { name: 'ide bmdma/status', version: 1, minimumVersion: 1, fields: [bm('status', u8, { bits: STATUS })] }
  ]
});

const d = fieldsOf<PCIIDEState>();
/** vmstate_ide_pci, with the registers of the controller at hand. */
export const vmstateIdePci = (own: readonly RegisterInfo[]): VMStateDescription<PCIIDEState> => ({
  name: 'ide',
  version: 3,
  minimumVersion: 0,
  fields: [
    d('parent_obj', pciDevice(own)),
    d('bmdma', arrayOf(bmdma, 2), { doc: 'Bus-master registers of both channels' }),
    d('bus', arrayOf(ideBus, 2)),
    d('bus[0].ifs', arrayOf(ideDrive, 2), { doc: 'Drives of the primary channel' }),
    d('bus[1].ifs', arrayOf(ideDrive, 2), { doc: 'Drives of the secondary channel' })
  ]
});
