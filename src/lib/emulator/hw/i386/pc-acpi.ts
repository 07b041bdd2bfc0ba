/** The ACPI tables in fw_cfg. Source: QEMU hw/i386/acpi-build.c acpi_setup, acpi_build_update. */
import type { RAMBlock } from '../../system/physmem.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';
import type { FWCfg } from '../nvram/fw_cfg.ts';
import { vmstate_acpi_build, type AcpiBuildState } from './acpi-build.ts';
import { acpiBuild, LOADER_FILE, RSDP_FILE, TABLE_FILE, type AcpiOptions } from './pc-acpi-tables.ts';

/** Bytes of the RAM blocks that the files lie in, and of what of it is a file. Source: acpi_build. */
const BLOCKS = {
  [TABLE_FILE]: { most: 0x20_0000, used: 0x2_0000 },
  [LOADER_FILE]: { most: 0x1_0000, used: 0x1000 },
  [RSDP_FILE]: { most: 0x1000, used: 0x1000 }
} as const;
const RSDP_BYTES = 20;

/** Made anew when the firmware first looks, since they say where it has put devices. */
export class AcpiBuild implements AcpiBuildState, Device {
  readonly idstr = 'acpi_build';
  readonly vmsd = vmstate_acpi_build;
  patched = 0;

  /** @param options what the tables say now */
  constructor({ physmem }: Pick<DeviceHost, 'physmem'>, fwCfg: FWCfg, options: () => AcpiOptions) {
    const blocks = new Map<string, RAMBlock>();
    const onSelect = (): void => {
      if (this.patched) return;
      this.patched = 1;
      const { tables, loader, rsdp } = acpiBuild(options());
      for (const [file, bytes] of [
        [TABLE_FILE, tables] as const,
        [LOADER_FILE, loader] as const,
        [RSDP_FILE, rsdp] as const
      ]) {
        const block = blocks.get(file)!;
        const whole = new Uint8Array(block.used_length);
        whole.set(bytes.subarray(0, whole.length));
        block.write(0, whole);
      }
    };
    for (const [file, { most, used }] of Object.entries(BLOCKS)) {
      const block = physmem.allocate(`/rom@${file}`, most);
      block.used_length = used;
      blocks.set(file, block);
      fwCfg.addFile(file, block, { onSelect }, file === RSDP_FILE ? RSDP_BYTES : used);
    }
    // The log of a TPM, whether there is one or not.
    fwCfg.addFile('etc/tpm/log', new Uint8Array());
  }

  reset(): void {
    this.patched = 0;
  }
}
