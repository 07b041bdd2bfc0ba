/** The firmware configuration device: which item the guest reads. Source: QEMU hw/nvram/fw_cfg.c, docs/specs/fw_cfg.rst. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { u16, u32, u64 } from '../../../vmstate/vmstate-types.ts';
import { MemoryRegion, type AddressSpace } from '../../system/memory.ts';
import type { RAMBlock } from '../../system/physmem.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';

export interface FWCfgState {
  cur_entry: number;
  cur_offset: number;
  dma_addr: bigint;
  table_mr_size: bigint;
  linker_mr_size: bigint;
  rsdp_mr_size: bigint;
  /** What the device has: never sent, so that only a device that runs has them. */
  readonly dma_enabled?: boolean;
  readonly acpi_mr_restore?: boolean;
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
      needed: (s) => s.dma_enabled,
      fields: [f('dma_addr', u64, { doc: 'Half-written address of a DMA request', pointer: 'gpa', radix: 16 })]
    },
    {
      name: 'fw_cfg/acpi_mr',
      version: 1,
      minimumVersion: 1,
      needed: (s) =>
        s.acpi_mr_restore === undefined
          ? undefined
          : s.acpi_mr_restore && [s.table_mr_size, s.linker_mr_size, s.rsdp_mr_size].some((n) => n % 4096n !== 0n),
      doc: 'Sizes that the RAM blocks of the ACPI tables have: blocks of the receiver take them over',
      fields: [
        f('table_mr_size', u64, { unit: 'bytes' }),
        f('linker_mr_size', u64, { unit: 'bytes' }),
        f('rsdp_mr_size', u64, { unit: 'bytes' })
      ]
    }
  ]
};

/** Numbers of items that machines set. */
export const FW_CFG = {
  SIGNATURE: 0x00,
  ID: 0x01,
  UUID: 0x02,
  RAM_SIZE: 0x03,
  NOGRAPHIC: 0x04,
  NB_CPUS: 0x05,
  KERNEL_ADDR: 0x07,
  KERNEL_SIZE: 0x08,
  INITRD_ADDR: 0x0a,
  INITRD_SIZE: 0x0b,
  BOOT_DEVICE: 0x0c,
  NUMA: 0x0d,
  BOOT_MENU: 0x0e,
  MAX_CPUS: 0x0f,
  KERNEL_ENTRY: 0x10,
  KERNEL_DATA: 0x11,
  INITRD_DATA: 0x12,
  CMDLINE_ADDR: 0x13,
  CMDLINE_SIZE: 0x14,
  CMDLINE_DATA: 0x15,
  SETUP_ADDR: 0x16,
  SETUP_SIZE: 0x17,
  SETUP_DATA: 0x18,
  ACPI_TABLES: 0x8000,
  SMBIOS_ENTRIES: 0x8001,
  IRQ0_OVERRIDE: 0x8002,
  E820_TABLE: 0x8003,
  HPET: 0x8004
} as const;

const FILE_DIR = 0x19;
const FILE_FIRST = 0x20;
const FILE_SLOTS = 0x20;
const FILE_ENTRY = 64;
const FILE_NAME = 56;
const ENTRY_MASK = 0x3fff;
const ARCH_LOCAL = 0x8000;
const INVALID = 0xffff;

const VERSION = 1;
const VERSION_DMA = 2;
/** What the DMA register reads as: "QEMU CFG". */
const DMA_SIGNATURE = [0x51, 0x45, 0x4d, 0x55, 0x20, 0x43, 0x46, 0x47];
const DMA_ERROR = 1;
const DMA_READ = 2;
const DMA_SKIP = 4;
const DMA_SELECT = 8;
const DMA_WRITE = 16;
/** Bytes moved at a time: a request may ask for 4 GiB. */
const DMA_PIECE = 1 << 16;

const IO_BASE = 0x510;
const DMA_IO_BASE = 0x514;

/** Files whose RAM blocks QEMU resizes to what the state says. */
const ACPI_FILES = {
  'etc/acpi/tables': 'table_mr_size',
  'etc/table-loader': 'linker_mr_size',
  'etc/acpi/rsdp': 'rsdp_mr_size'
} as const;
const isAcpiFile = (name: string): name is keyof typeof ACPI_FILES => name in ACPI_FILES;

/** What an item consists of: bytes, or a RAM block, which the guest sees change. */
export type FWCfgData = Uint8Array | RAMBlock;

export interface FWCfgItemOptions {
  /** The guest may write it by DMA. */
  readonly writable?: boolean;
  /** The guest has selected the item, before it reads. Source: FWCfgCallback. */
  readonly onSelect?: () => void;
  /** The guest has written bytes. */
  readonly onWrite?: (offset: number, length: number) => void;
}
interface FWCfgEntry extends FWCfgItemOptions {
  readonly data: FWCfgData;
  /** Bytes that count; of a RAM block perhaps not all. */
  length: number;
}
interface FWCfgFile extends FWCfgEntry {
  readonly name: string;
}

const bytesOf = (data: FWCfgData): Uint8Array => (data instanceof Uint8Array ? data : data.bytes());
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export interface FWCfgOptions {
  readonly dma?: boolean;
  /** Machine types before 2.9 have 0x10. */
  readonly fileSlots?: number;
  /** Machine types from 5.1 on. */
  readonly acpiMrRestore?: boolean;
  /** 16 bytes. */
  readonly uuid?: Uint8Array;
  readonly graphics?: boolean;
}

/** The device at ports 510 to 51b. */
export class FWCfg implements FWCfgState, Device {
  readonly idstr = 'fw_cfg';
  readonly vmsd = vmstate_fw_cfg;
  readonly dma_enabled: boolean;
  readonly acpi_mr_restore: boolean;
  cur_entry = 0;
  cur_offset = 0;
  dma_addr = 0n;
  table_mr_size = 0n;
  linker_mr_size = 0n;
  rsdp_mr_size = 0n;
  readonly #memory: AddressSpace;
  readonly #slots: number;
  readonly #entries = new Map<number, FWCfgEntry>();
  /** Sorted by name; the first one has number FILE_FIRST. */
  readonly #files: FWCfgFile[] = [];

  constructor({ memory, ports }: Pick<DeviceHost, 'memory' | 'ports'>, options: FWCfgOptions = {}) {
    this.#memory = memory;
    this.dma_enabled = options.dma ?? true;
    this.acpi_mr_restore = options.acpiMrRestore ?? true;
    this.#slots = options.fileSlots ?? FILE_SLOTS;
    const io = MemoryRegion.io('fwcfg', 2, {
      valid: { min: 1, max: 2 },
      read: (_addr, size) => (size === 1 ? this.#readByte() : 0),
      write: (_addr, value, size) => {
        if (size === 2) this.#select(value);
      }
    });
    ports.register(IO_BASE, io);
    if (this.dma_enabled) {
      const dma = MemoryRegion.io('fwcfg.dma', 8, {
        reentrant: true,
        read: (addr, size) => {
          let value = 0;
          for (let i = size; i-- > 0;) value = value * 256 + DMA_SIGNATURE[addr + i]!;
          return value;
        },
        write: (addr, value, size) => {
          if (size === 4) this.#writeDmaAddress(addr, value);
        }
      });
      ports.register(DMA_IO_BASE, dma);
    }
    this.addBytes(FW_CFG.SIGNATURE, new TextEncoder().encode('QEMU'));
    this.addBytes(FW_CFG.UUID, options.uuid ?? new Uint8Array(16));
    this.addI16(FW_CFG.NOGRAPHIC, options.graphics === false ? 1 : 0);
    this.addI16(FW_CFG.BOOT_MENU, 0);
    this.addI32(FW_CFG.ID, VERSION | (this.dma_enabled ? VERSION_DMA : 0));
    this.addFile('etc/boot-fail-wait', Uint8Array.of(0xff, 0xff, 0xff, 0xff));
  }

  /** Sets an item, in place of what had its number. */
  addBytes(key: number, data: FWCfgData, options: FWCfgItemOptions = {}): void {
    this.#entries.set(key, { data, length: bytesOf(data).length, ...options });
  }
  /** Ends in NUL. */
  addString(key: number, text: string): void {
    this.addBytes(key, new TextEncoder().encode(`${text}\0`));
  }
  addI16(key: number, value: number): void {
    this.addBytes(key, Uint8Array.of(value & 0xff, (value >> 8) & 0xff));
  }
  addI32(key: number, value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value >>> 0, true);
    this.addBytes(key, bytes);
  }
  addI64(key: number, value: bigint): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    this.addBytes(key, bytes);
  }

  /**
   * Sets a file, in place of one with the same name.
   * @param length bytes of it where a RAM block is longer
   * @throws RangeError when there are no more numbers
   */
  addFile(name: string, data: FWCfgData, options: FWCfgItemOptions = {}, length = bytesOf(data).length): void {
    const file = { name: name.slice(0, FILE_NAME - 1), data, length, ...options };
    if (isAcpiFile(name)) this[ACPI_FILES[name]] = BigInt(length);
    const at = this.#files.findIndex((other) => compare(other.name, file.name) >= 0);
    if (this.#files[at]?.name === file.name) {
      this.#files[at] = file;
      return;
    }
    if (this.#files.length === this.#slots) throw new RangeError(`fw_cfg has no room for ${name}`);
    this.#files.splice(at < 0 ? this.#files.length : at, 0, file);
  }

  /** A copy of a file, as a guest that selects it now would read it. */
  read(name: string): Uint8Array | undefined {
    const file = this.#files.find((f) => f.name === name);
    file?.onSelect?.();
    return file && bytesOf(file.data).slice(0, file.length);
  }

  reset(): void {
    this.#select(FW_CFG.SIGNATURE);
  }

  preLoad(): void {
    this.dma_addr = 0n;
  }

  /** The ACPI files have the sizes that they had. Source: fw_cfg_acpi_mr_restore_post_load. */
  postLoad(): void {
    for (const file of this.#files) {
      if (!isAcpiFile(file.name)) continue;
      const size = Number(this[ACPI_FILES[file.name]]);
      if (size > 0 && size <= bytesOf(file.data).length) file.length = size;
    }
  }

  #entry(): FWCfgEntry | undefined {
    const key = this.cur_entry;
    if (key === INVALID) return undefined;
    const index = key & ENTRY_MASK;
    if (key & ARCH_LOCAL) return this.#entries.get(ARCH_LOCAL | index);
    if (index === FILE_DIR) return { data: this.#directory(), length: 4 + FILE_ENTRY * this.#slots };
    return index >= FILE_FIRST ? this.#files[index - FILE_FIRST] : this.#entries.get(index);
  }

  /** All numbers big-endian. Source: docs/specs/fw_cfg.rst. */
  #directory(): Uint8Array {
    const bytes = new Uint8Array(4 + FILE_ENTRY * this.#slots);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.#files.length);
    this.#files.forEach(({ name, length }, i) => {
      const at = 4 + FILE_ENTRY * i;
      view.setUint32(at, length);
      view.setUint16(at + 4, FILE_FIRST + i);
      bytes.set(new TextEncoder().encode(name).subarray(0, FILE_NAME - 1), at + 8);
    });
    return bytes;
  }

  #select(key: number): void {
    this.cur_offset = 0;
    const exists = (key & ENTRY_MASK) < FILE_FIRST + this.#slots;
    this.cur_entry = exists ? key : INVALID;
    this.#entry()?.onSelect?.();
  }

  #readByte(): number {
    const entry = this.#entry();
    return entry && this.cur_offset < entry.length ? bytesOf(entry.data)[this.cur_offset++]! : 0;
  }

  /** Big-endian, the high half first; writing the low half starts. */
  #writeDmaAddress(addr: number, value: number): void {
    const swapped = new DataView(Uint32Array.of(value >>> 0).buffer).getUint32(0);
    if (addr === 0) this.dma_addr = BigInt(swapped) << 32n;
    else if (addr === 4) {
      const at = Number(this.dma_addr | BigInt(swapped));
      this.dma_addr = 0n;
      this.#transfer(at);
    }
  }

  /** Source: fw_cfg_dma_transfer. */
  #transfer(at: number): void {
    const request = new Uint8Array(16);
    const view = new DataView(request.buffer);
    const finish = (control: number): void => {
      view.setUint32(0, control);
      this.#memory.writeBytes(at, request.subarray(0, 4));
    };
    if (at > Number.MAX_SAFE_INTEGER - 16 || !this.#memory.readBytes(at, request)) return finish(DMA_ERROR);
    const control = view.getUint32(0);
    const length = view.getUint32(4);
    const address = Number(view.getBigUint64(8));
    if (control & DMA_SELECT) this.#select(control >>> 16);
    if (!(control & (DMA_READ | DMA_WRITE | DMA_SKIP))) return finish(0);
    const entry = this.#entry();
    const left = entry ? Math.max(0, entry.length - this.cur_offset) : 0;
    const part = Math.min(length, left);
    let fine = true;
    if (control & DMA_READ) {
      if (entry && part > 0)
        fine = this.#give(bytesOf(entry.data).subarray(this.cur_offset, this.cur_offset + part), address);
      fine &&= this.#zero(address + part, length - part);
    } else if (control & DMA_WRITE) {
      fine = entry !== undefined && this.#take(entry, address, length, part);
    }
    this.cur_offset += part;
    finish(fine ? 0 : DMA_ERROR);
  }

  #give(bytes: Uint8Array, address: number): boolean {
    for (let done = 0; done < bytes.length; done += DMA_PIECE) {
      if (!this.#memory.writeBytes(address + done, bytes.subarray(done, done + DMA_PIECE))) return false;
    }
    return true;
  }

  /** What is behind an item's end reads as zeros. */
  #zero(address: number, length: number): boolean {
    const zeros = new Uint8Array(Math.min(length, DMA_PIECE));
    for (let done = 0; done < length; done += DMA_PIECE) {
      const piece = zeros.subarray(0, Math.min(DMA_PIECE, length - done));
      if (!this.#memory.writeBytes(address + done, piece)) return false;
    }
    return true;
  }

  #take(entry: FWCfgEntry, address: number, length: number, part: number): boolean {
    if (!entry.writable || part !== length || part === 0) return length === 0;
    const bytes = new Uint8Array(part);
    if (!this.#memory.readBytes(address, bytes)) return false;
    if (entry.data instanceof Uint8Array) entry.data.set(bytes, this.cur_offset);
    else entry.data.write(this.cur_offset, bytes);
    entry.onWrite?.(this.cur_offset, part);
    return true;
  }
}
