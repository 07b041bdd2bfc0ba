/** PCI IDE controllers with two channels and bus-master DMA. Source: QEMU hw/ide/pci.c. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, i64, u32, u8 } from '../../../vmstate/vmstate-types.ts';
import { MemoryRegion } from '../../system/memory.ts';
import type { Irq } from '../core/irq.ts';
import type { RegisterInfo } from '../core/register.ts';
import { pciDevice, type PCIDevice } from '../pci/pci.ts';
import type { Dma } from '../pci/pci_device.ts';
import { ideBus, ideDrive, type IDEBus } from './core.ts';
import type { IDEChannel } from './ide-bus.ts';
import type { DMASegment, IDEDMA } from './ide-registers.ts';

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
  /** Whether the compatible status cannot say it: never sent, so that only a controller that runs has it. */
  readonly statusNeeded?: boolean;
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
      needed: (s) => (s.cur_prd_len === undefined ? undefined : s.cur_prd_len !== 0),
      fields: [
        bm('cur_addr', u32, { pointer: 'gpa', radix: 16 }),
        bm('cur_prd_last', u32),
        bm('cur_prd_addr', u32, { pointer: 'gpa', radix: 16 }),
        bm('cur_prd_len', u32, { unit: 'bytes' })
      ]
    },
    {
      name: 'ide bmdma/status',
      version: 1,
      minimumVersion: 1,
      needed: (s) => s.statusNeeded,
      fields: [bm('status', u8, { bits: STATUS })]
    }
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

const STATUS_DMAING = 0x01;
const STATUS_ERROR = 0x02;
const STATUS_INT = 0x04;
const CMD_START = 0x01;
/** Bits of the status that old versions used for what is to be retried. */
const COMPAT_BITS = 0x78;
/** The table of memory regions ends within one page, whatever it says. */
const PRD_TABLE_SIZE = 4096;
const PRD_LAST = 0x8000_0000;

/** The bus master of one channel. Source: bmdma_*. */
export class BMDMA implements BMDMAState, IDEDMA {
  cmd = 0;
  migration_compat_status = 0;
  addr = 0;
  migration_retry_sector_num = 0n;
  migration_retry_nsector = 0;
  migration_retry_unit = 0;
  cur_addr = 0;
  cur_prd_last = 0;
  cur_prd_addr = 0;
  cur_prd_len = 0;
  status = 0;
  readonly #memory: Dma;
  readonly #irq: Irq;
  /** What the drive does when the guest starts the bus master. */
  #begin: (() => void) | undefined;

  constructor(memory: Dma, irq: Irq) {
    this.#memory = memory;
    this.#irq = irq;
  }

  get statusNeeded(): boolean {
    return (this.status & COMPAT_BITS) !== 0;
  }

  /** The interrupt of the channel's drives: the status remembers it. */
  readonly irq: Irq = (level) => {
    if (level) this.status |= STATUS_INT;
    this.#irq(level);
  };

  /** Command and status at 0 and 2, the table's address at 4. */
  addPorts(bar: MemoryRegion, at: number, channel: () => IDEChannel): void {
    const registers = MemoryRegion.io('piix-bmdma', 4, {
      read: (addr, size) => (size !== 1 ? 0xffff_ffff : addr === 0 ? this.cmd : addr === 2 ? this.status : 0xff),
      write: (addr, value, size) => {
        if (size !== 1) return;
        if (addr === 0) this.#writeCommand(value, channel());
        else if (addr === 2) this.#writeStatus(value);
      }
    });
    const address = MemoryRegion.io('bmdma', 4, {
      read: (addr) => this.addr >>> (8 * addr),
      write: (addr, value, size) => {
        const mask = (size === 4 ? 0xffff_ffff : (1 << (8 * size)) - 1) << (8 * addr);
        this.addr = ((this.addr & ~mask) | ((value << (8 * addr)) & mask & ~3)) >>> 0;
      }
    });
    bar.addSubregion(at, registers);
    bar.addSubregion(at + 4, address);
  }

  /** Stopping a transfer under way fails it: what the image still does comes to nothing. */
  #writeCommand(value: number, channel: IDEChannel): void {
    if ((value ^ this.cmd) & CMD_START) {
      if (!(value & CMD_START)) {
        const drive = channel.active;
        const underWay = (this.status & STATUS_DMAING) !== 0 && drive.pendingRetry !== 0;
        this.status &= ~STATUS_DMAING;
        if (underWay) {
          drive.cancel();
          drive.dmaError();
        }
      } else {
        this.cur_addr = this.addr;
        if (!(this.status & STATUS_DMAING)) {
          this.status |= STATUS_DMAING;
          this.#begin?.();
        }
      }
    }
    this.cmd = value & 0x09;
  }

  #writeStatus(value: number): void {
    const kept = this.status & ~value & (STATUS_ERROR | STATUS_INT);
    this.status = (value & 0x60) | (this.status & STATUS_DMAING) | kept;
  }

  start(begin: () => void): void {
    this.#begin = begin;
    this.cur_prd_last = this.cur_prd_addr = this.cur_prd_len = 0;
    if (this.status & STATUS_DMAING) begin();
  }

  /** Fetches the next row of the table once the current one is used up. Returns whether there is one. */
  #hasRegion(): boolean {
    if (this.cur_prd_len !== 0) return true;
    if (this.cur_prd_last || (this.cur_addr - this.addr) >>> 0 >= PRD_TABLE_SIZE) return false;
    const addr = this.#memory.read(this.cur_addr, 4);
    const size = this.#memory.read(this.cur_addr + 4, 4);
    this.cur_addr = (this.cur_addr + 8) >>> 0;
    this.cur_prd_addr = addr;
    this.cur_prd_len = size & 0xfffe || 0x10000;
    this.cur_prd_last = (size & PRD_LAST) >>> 0;
    return true;
  }

  #use(length: number): void {
    this.cur_prd_addr = (this.cur_prd_addr + length) >>> 0;
    this.cur_prd_len -= length;
  }

  /** The whole table is used up, though no more than the limit is given out. Source: bmdma_prepare_buf. */
  prepare(limit: number): { segments: DMASegment[]; described: number } {
    const segments: DMASegment[] = [];
    let described = 0;
    let left = limit;
    while (this.#hasRegion()) {
      const length = this.cur_prd_len;
      const take = Math.min(left, length);
      if (take > 0) segments.push({ addr: this.cur_prd_addr, length: take });
      left -= take;
      described += length;
      this.#use(length);
    }
    return { segments, described };
  }

  /** Source: bmdma_rw_buf. */
  put(bytes: Uint8Array): number {
    let done = 0;
    while (done < bytes.length && this.#hasRegion()) {
      const length = Math.min(this.cur_prd_len, bytes.length - done);
      this.#memory.writeBytes(this.cur_prd_addr, bytes.subarray(done, done + length));
      this.#use(length);
      done += length;
    }
    return done;
  }

  read({ addr }: DMASegment, into: Uint8Array): void {
    this.#memory.readBytes(addr, into);
  }
  write({ addr }: DMASegment, from: Uint8Array): void {
    this.#memory.writeBytes(addr, from);
  }

  setInactive(more: boolean): void {
    this.#begin = undefined;
    if (more) this.status |= STATUS_DMAING;
    else this.status &= ~STATUS_DMAING;
  }

  restart(): void {
    this.cur_addr = this.addr;
  }

  reset(): void {
    this.#begin = undefined;
    this.cmd = this.status = this.addr = this.cur_addr = 0;
    this.cur_prd_last = this.cur_prd_addr = this.cur_prd_len = 0;
  }

  preLoad(): void {
    this.#begin = undefined;
    this.status = this.cur_addr = this.cur_prd_last = this.cur_prd_addr = this.cur_prd_len = 0;
  }

  /** A command that waits for the guest to start the bus master is noted as one to be done again. */
  preSave(channel: IDEChannel): void {
    if (!(this.status & STATUS_DMAING) && this.#begin) channel.error_status ||= channel.active.dmaRetry;
    this.migration_retry_unit = channel.retry_unit;
    this.migration_retry_sector_num = channel.retry_sector_num;
    this.migration_retry_nsector = channel.retry_nsector;
    this.migration_compat_status = (this.status & ~COMPAT_BITS) | (channel.error_status & COMPAT_BITS);
  }

  /** Source: ide_bmdma_post_load. */
  postLoad(channel: IDEChannel): void {
    if (this.status === 0) {
      this.status = this.migration_compat_status & ~COMPAT_BITS;
      channel.error_status |= this.migration_compat_status & COMPAT_BITS;
    }
    channel.retry_unit = this.migration_retry_unit;
    channel.retry_sector_num = this.migration_retry_sector_num;
    channel.retry_nsector = this.migration_retry_nsector;
  }
}
