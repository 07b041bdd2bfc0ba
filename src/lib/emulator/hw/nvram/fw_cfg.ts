/** The firmware configuration device: which item the guest reads. Source: QEMU hw/nvram/fw_cfg.c, docs/specs/fw_cfg.rst. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { u16, u32, u64 } from '../../../vmstate/vmstate-types.ts';

export interface FWCfgState {
  cur_entry: number;
  cur_offset: number;
  dma_addr: bigint;
  table_mr_size: bigint;
  linker_mr_size: bigint;
  rsdp_mr_size: bigint;
}

/** Items with fixed numbers; the files of FILE_DIR begin at 0x20. */
const ENTRIES: Readonly<Record<number, string>> = {
  0x00: 'SIGNATURE',
  0x01: 'ID',
  0x02: 'UUID',
  0x03: 'RAM_SIZE',
  0x04: 'NOGRAPHIC',
  0x05: 'NB_CPUS',
  0x06: 'MACHINE_ID',
  0x07: 'KERNEL_ADDR',
  0x08: 'KERNEL_SIZE',
  0x09: 'KERNEL_CMDLINE',
  0x0a: 'INITRD_ADDR',
  0x0b: 'INITRD_SIZE',
  0x0c: 'BOOT_DEVICE',
  0x0d: 'NUMA',
  0x0e: 'BOOT_MENU',
  0x0f: 'MAX_CPUS',
  0x10: 'KERNEL_ENTRY',
  0x11: 'KERNEL_DATA',
  0x12: 'INITRD_DATA',
  0x13: 'CMDLINE_ADDR',
  0x14: 'CMDLINE_SIZE',
  0x15: 'CMDLINE_DATA',
  0x16: 'SETUP_ADDR',
  0x17: 'SETUP_SIZE',
  0x18: 'SETUP_DATA',
  0x19: 'FILE_DIR',
  0x8000: 'ACPI_TABLES',
  0x8001: 'SMBIOS_ENTRIES',
  0x8002: 'IRQ0_OVERRIDE',
  0x8003: 'E820_TABLE',
  0x8004: 'HPET',
  0xffff: 'none'
};

const f = fieldsOf<FWCfgState>();
export const vmstate_fw_cfg: VMStateDescription<FWCfgState> = {
  name: 'fw_cfg',
  version: 2,
  minimumVersion: 1,
  fields: [
    f('cur_entry', u16, {
      doc: 'Selected item',
      values: ENTRIES,
      radix: 16,
      bits: [
        { name: 'entry', bit: 0, width: 14 },
        { name: 'WRITE_CHANNEL', bit: 14 },
        { name: 'ARCH_LOCAL', bit: 15 }
      ]
    }),
    f('cur_offset', { ...u16, type: 'int32 as uint16' }, { name: 'cur_offset[0]', when: (_, version) => version < 2 }),
    f('cur_offset', u32, { since: 2, name: 'cur_offset[1]', doc: 'Place in the item', unit: 'bytes' })
  ],
  subsections: [
    {
      name: 'fw_cfg/dma',
      version: 0,
      minimumVersion: 0,
      fields: [f('dma_addr', u64, { doc: 'Half-written address of a DMA request', pointer: 'gpa', radix: 16 })]
    },
    {
      name: 'fw_cfg/acpi_mr',
      version: 1,
      minimumVersion: 1,
      doc: 'Sizes that the RAM blocks of the ACPI tables have: blocks of the receiver take them over',
      fields: [
        f('table_mr_size', u64, { unit: 'bytes' }),
        f('linker_mr_size', u64, { unit: 'bytes' }),
        f('rsdp_mr_size', u64, { unit: 'bytes' })
      ]
    }
  ]
};
