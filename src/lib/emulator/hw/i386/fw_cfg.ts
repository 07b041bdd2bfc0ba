/** What a PC tells its firmware through fw_cfg. Source: QEMU hw/i386/fw_cfg.c. */
import type { DeviceHost } from '../core/qdev.ts';
import { FW_CFG, FWCfg } from '../nvram/fw_cfg.ts';
import { smbiosOfVersion, smbiosTables } from '../smbios/smbios.ts';
import { HPET_BASE } from '../timer/hpet.ts';
import { E820, e820Bytes, e820Entries } from './e820_memory_layout.ts';

/** struct hpet_fw_config: a count, and eight entries. */
const HPET_CONFIG = 1 + 8 * 15;
const HPET_BLOCK_ID = 0x8086_a201;
const NO_HPET = 0xff;
/** S1 to S5 by SLP_TYP; bit 7: supported. S3 is 1, S4 is 2. Source: acpi_pm1_cnt_init. */
const SYSTEM_STATES = [0x80, 0, 0, 0x81, 0x82, 0x80];

const PRODUCT = 'Standard PC (i440FX + PIIX, 1996)';
const AMD = 'AuthenticAMD';

/** What firmware is told of the CPU. */
export interface FirmwareCpu {
  readonly vendor: string;
  /** CPUID of leaf 1: EAX and EDX. */
  readonly version: number;
  readonly features: number;
}

export interface PCFwCfgOptions {
  /** Full name of the machine type, and the version in it: 7.2 is 702. */
  readonly machine: string;
  readonly version: number;
  readonly firmwareCpu: FirmwareCpu;
  /** 16 bytes. */
  readonly uuid?: Uint8Array | undefined;
  /** Bytes of RAM; those from `lowmem` on lie above 4 GiB. */
  readonly memory: number;
  readonly lowmem: number;
  readonly hpet: boolean;
}

function hpetConfig(there: boolean): Uint8Array {
  const bytes = new Uint8Array(HPET_CONFIG);
  const view = new DataView(bytes.buffer);
  bytes[0] = there ? 1 : NO_HPET;
  if (!there) return bytes;
  view.setUint32(1, HPET_BLOCK_ID, true);
  view.setBigUint64(5, BigInt(HPET_BASE), true);
  return bytes;
}

/** Source: fw_cfg_arch_create, for one CPU and no NUMA node. */
export function fwCfgArchCreate(host: Pick<DeviceHost, 'memory' | 'ports'>, options: PCFwCfgOptions): FWCfg {
  const { machine, version, firmwareCpu, uuid, memory, lowmem } = options;
  const fwCfg = new FWCfg(host, uuid ? { uuid } : {});
  fwCfg.addI16(FW_CFG.NB_CPUS, 1);
  fwCfg.addI16(FW_CFG.MAX_CPUS, 1);
  fwCfg.addI64(FW_CFG.RAM_SIZE, BigInt(memory));
  fwCfg.addI32(FW_CFG.IRQ0_OVERRIDE, 1);
  fwCfg.addBytes(FW_CFG.HPET, hpetConfig(options.hpet));
  // The number of nodes, and the node of the CPU.
  fwCfg.addBytes(FW_CFG.NUMA, new Uint8Array(16));
  const e820 = e820Entries({ memory, lowmem, hyperTransport: firmwareCpu.vendor === AMD && version >= 701 });
  fwCfg.addFile('etc/e820', e820Bytes(e820));
  const { tables, anchor } = smbiosTables({
    ...{ product: PRODUCT, version: machine, uuid, memory, areas: e820.filter(({ type }) => type === E820.ram) },
    ...{ cpuidVersion: firmwareCpu.version, cpuidFeatures: firmwareCpu.features, ...smbiosOfVersion(version) }
  });
  fwCfg.addFile('etc/smbios/smbios-tables', tables);
  fwCfg.addFile('etc/smbios/smbios-anchor', anchor);
  fwCfg.addFile('etc/system-states', Uint8Array.from(SYSTEM_STATES));
  return fwCfg;
}
