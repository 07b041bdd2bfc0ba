/** What a PC tells its firmware through fw_cfg. Source: QEMU hw/i386/fw_cfg.c, hw/i386/e820_memory_layout.c. */
import type { DeviceHost } from '../core/qdev.ts';
import { FW_CFG, FWCfg } from '../nvram/fw_cfg.ts';
import { HPET_BASE } from '../timer/hpet.ts';

const FOUR_GIB = 2 ** 32;
const E820_RAM = 1;
const E820_ENTRY = 20;
/** struct hpet_fw_config: a count, and eight entries. */
const HPET_CONFIG = 1 + 8 * 15;
const HPET_BLOCK_ID = 0x8086_a201;
const HPET_MIN_TICK = 100;
const NO_HPET = 0xff;
/** S1 to S5 by SLP_TYP; bit 7: supported. S3 is 1, S4 is 2. Source: acpi_pm1_cnt_init. */
const SYSTEM_STATES = [0x80, 0, 0, 0x81, 0x82, 0x80];

export interface PCFwCfgOptions {
  /** Bytes of RAM; those from `lowmem` on lie above 4 GiB. */
  readonly memory: number;
  readonly lowmem: number;
  readonly hpet: boolean;
}

/** @param entries address, length and type; the firmware makes its memory map from them */
function e820Table(entries: readonly (readonly [address: number, length: number, type: number])[]): Uint8Array {
  const bytes = new Uint8Array(E820_ENTRY * entries.length);
  const view = new DataView(bytes.buffer);
  entries.forEach(([address, length, type], i) => {
    view.setBigUint64(E820_ENTRY * i, BigInt(address), true);
    view.setBigUint64(E820_ENTRY * i + 8, BigInt(length), true);
    view.setUint32(E820_ENTRY * i + 16, type, true);
  });
  return bytes;
}

function hpetConfig(there: boolean): Uint8Array {
  const bytes = new Uint8Array(HPET_CONFIG);
  const view = new DataView(bytes.buffer);
  bytes[0] = there ? 1 : NO_HPET;
  if (!there) return bytes;
  view.setUint32(1, HPET_BLOCK_ID, true);
  view.setBigUint64(5, BigInt(HPET_BASE), true);
  view.setUint16(13, HPET_MIN_TICK, true);
  return bytes;
}

/** Source: fw_cfg_arch_create, for one CPU and no NUMA node. */
export function fwCfgArchCreate(host: Pick<DeviceHost, 'memory' | 'ports'>, options: PCFwCfgOptions): FWCfg {
  const { memory, lowmem } = options;
  const fwCfg = new FWCfg(host);
  const below = Math.min(memory, lowmem);
  fwCfg.addI16(FW_CFG.NB_CPUS, 1);
  fwCfg.addI16(FW_CFG.MAX_CPUS, 1);
  fwCfg.addI64(FW_CFG.RAM_SIZE, BigInt(memory));
  fwCfg.addI32(FW_CFG.IRQ0_OVERRIDE, 1);
  fwCfg.addBytes(FW_CFG.HPET, hpetConfig(options.hpet));
  // The number of nodes, and the node of the CPU.
  fwCfg.addBytes(FW_CFG.NUMA, new Uint8Array(16));
  const above = memory > below ? [[FOUR_GIB, memory - below, E820_RAM] as const] : [];
  fwCfg.addFile('etc/e820', e820Table([[0, below, E820_RAM], ...above]));
  fwCfg.addFile('etc/system-states', Uint8Array.from(SYSTEM_STATES));
  return fwCfg;
}
