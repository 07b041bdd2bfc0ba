/**
 * Section "dma": the ISA DMA controllers, instance 0 for 8-bit channels 0-3, instance 1 for 16-bit channels 4-7.
 * Source: QEMU hw/dma/i8257.c; 8237A datasheet.
 */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, i32, u16, u8 } from '../../../vmstate/vmstate-types.ts';
import { MemoryRegion, type AddressSpace } from '../../system/memory.ts';
import type { QEMUClock, QEMUTimer } from '../../util/qemu-timer.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';

export interface I8257Regs {
  now: number[];
  base: number[];
  mode: number;
  page: number;
  pageh: number;
  dack: number;
  eop: number;
}
export interface I8257State {
  command: number;
  mask: number;
  flip_flop: number;
  dshift: number;
  regs: I8257Regs[];
}

const regs = fieldsOf<I8257Regs>();
const vmstate_i8257_regs: VMStateDescription<I8257Regs> = {
  name: 'dma_regs',
  version: 1,
  minimumVersion: 1,
  fields: [
    regs(
      'now',
      arrayOf(i32, 2, {
        abouts: [
          { doc: 'current address', radix: 16 },
          { doc: 'transferred', unit: 'bytes' }
        ]
      })
    ),
    regs('base', arrayOf(u16, 2, { abouts: [{ doc: 'first address', radix: 16 }, { doc: 'transfers less one' }] })),
    regs('mode', u8, {
      bits: [
        { bit: 2, width: 2, name: 'transfer', values: { 0: 'verify', 1: 'write memory', 2: 'read memory' } },
        { bit: 4, name: 'auto-initialize', doc: 'begins again at the end' },
        { bit: 5, name: 'decrement' },
        { bit: 6, width: 2, name: 'mode', values: { 0: 'demand', 1: 'single', 2: 'block', 3: 'cascade' } }
      ]
    }),
    regs('page', u8, { doc: 'address bits 16-23', radix: 16 }),
    regs('pageh', u8, { doc: 'address bits 24-30', radix: 16 }),
    regs('dack', u8),
    regs('eop', u8)
  ]
};

const dma = fieldsOf<I8257State>();
export const vmstate_i8257: VMStateDescription<I8257State> = {
  name: 'dma',
  version: 1,
  minimumVersion: 1,
  doc: 'ISA DMA controller.',
  fields: [
    dma('command', u8, {
      bits: [
        { bit: 0, name: 'memory to memory' },
        { bit: 1, name: 'fixed address' },
        { bit: 2, name: 'disabled' },
        { bit: 3, name: 'compressed timing' },
        { bit: 4, name: 'rotating priority' },
        { bit: 5, name: 'extended write' },
        { bit: 6, name: 'DREQ active low' },
        { bit: 7, name: 'DACK active high' }
      ]
    }),
    dma('mask', u8, { bits: [0, 1, 2, 3].map((bit) => ({ bit, name: `channel ${bit}`, doc: 'masked' })) }),
    dma('flip_flop', u8, { doc: 'byte that the next access means', values: { 0: 'low', 1: 'high' } }),
    dma('dshift', i32, { doc: 'width of a transfer', values: { 0: '8 bits', 1: '16 bits' } }),
    dma('regs', arrayOf(struct(vmstate_i8257_regs), 4))
  ]
};

/** Channel of each page register. */
const PAGE_CHANNELS = [-1, 2, 3, 1, -1, -1, -1, 0];
const CMD_NOT_SUPPORTED = 0xfb;
const MODE_AUTO_INITIALIZE = 0x10;
const MODE_DECREMENT = 0x20;
const MODE_TRANSFER = 0x0c;
const ADDR = 0;
const COUNT = 1;
/** How long a request that could not be served waits for the next try. Source: qemu_bh_schedule_idle. */
const RETRY_NS = 10_000_000n;

/**
 * Moves data of a channel: gets its place in the transfer and its length, both in bytes, returns the new place.
 * Source: IsaDmaTransferHandler.
 */
export type IsaDmaTransferHandler = (channel: number, position: number, length: number) => number;

/** What a device on the ISA bus sees of its controller. Channels count from 0 to 7. Source: include/hw/isa/isa.h IsaDma. */
export interface IsaDma {
  registerChannel(channel: number, handler: IsaDmaTransferHandler): void;
  hasAutoInitialization(channel: number): boolean;
  holdDREQ(channel: number): void;
  releaseDREQ(channel: number): void;
  /** Memory to device: fills `into` from `position` of the transfer on. */
  readMemory(channel: number, into: Uint8Array, position: number): void;
  /** Device to memory. */
  writeMemory(channel: number, from: Uint8Array, position: number): void;
}

/** One controller of four channels. */
export class I8257 implements I8257State, IsaDma, Device {
  readonly idstr = 'dma';
  readonly vmsd = vmstate_i8257;
  readonly instance: number;
  command = 0;
  mask = 0xff;
  flip_flop = 0;
  dshift: number;
  regs: I8257Regs[] = Array.from({ length: 4 }, emptyRegs);
  readonly #memory: AddressSpace;
  readonly #handlers: (IsaDmaTransferHandler | undefined)[] = [];
  readonly #shift: number;
  readonly #clock: QEMUClock;
  readonly #retry: QEMUTimer;
  /** Low half: channels that reached their count; high half: channels that are asked for. */
  #status = 0;
  #running = false;

  /** @param instance 0 for channels 0-3 of 8 bits, 1 for channels 4-7 of 16 bits */
  constructor({ ports, memory, clocks }: DeviceHost, instance: 0 | 1) {
    this.instance = instance;
    this.#shift = instance;
    this.dshift = instance;
    this.#memory = memory;
    this.#clock = clocks.virtual;
    this.#retry = clocks.virtual.timer(() => this.#run());
    const base = instance === 0 ? 0x00 : 0xc0;
    const size = 8 << instance;
    const impl = { min: 1, max: 1 };
    ports.register(
      base,
      MemoryRegion.io('dma-chan', size, {
        impl,
        read: (addr) => this.#readChannel(addr >> instance),
        write: (addr, value) => this.#writeChannel(addr >> instance, value)
      })
    );
    ports.register(
      base + size,
      MemoryRegion.io('dma-cont', size, {
        impl,
        read: (addr) => this.#readControl(addr >> instance),
        write: (addr, value) => this.#writeControl(addr >> instance, value)
      })
    );
    const read = (port: number): number => this.regs[PAGE_CHANNELS[port & 7]!]!.page;
    const write = (port: number, value: number): void => {
      this.regs[PAGE_CHANNELS[port & 7]!]!.page = value;
    };
    ports.registerList(instance === 0 ? 0x80 : 0x88, 'dma-page', [
      { offset: 1, len: 3, size: 1, read, write },
      { offset: 7, len: 1, size: 1, read, write }
    ]);
  }

  registerChannel(channel: number, handler: IsaDmaTransferHandler): void {
    this.#handlers[channel & 3] = handler;
  }
  hasAutoInitialization(channel: number): boolean {
    return (this.regs[channel & 3]!.mode & MODE_AUTO_INITIALIZE) !== 0;
  }
  holdDREQ(channel: number): void {
    this.#status |= 0x10 << (channel & 3);
    this.#run();
  }
  releaseDREQ(channel: number): void {
    this.#status &= ~(0x10 << (channel & 3));
    this.#run();
  }

  /** Where in memory so many bytes of a transfer lie. Source: i8257_dma_read_memory. */
  #place({ pageh, page, now, mode }: I8257Regs, position: number, length: number): number {
    const start = ((pageh & 0x7f) << 24) + (page << 16) + now[ADDR]!;
    return mode & MODE_DECREMENT ? start - position - length : start + position;
  }

  readMemory(channel: number, into: Uint8Array, position: number): void {
    const regs = this.regs[channel & 3]!;
    if (!(regs.mode & MODE_TRANSFER)) return;
    const at = this.#place(regs, position, into.length);
    if (at >= 0) this.#memory.readBytes(at, into);
    if (regs.mode & MODE_DECREMENT) into.reverse();
  }

  writeMemory(channel: number, from: Uint8Array, position: number): void {
    const regs = this.regs[channel & 3]!;
    if (!(regs.mode & MODE_TRANSFER)) return;
    const at = this.#place(regs, position, from.length);
    if (at >= 0) this.#memory.writeBytes(at, regs.mode & MODE_DECREMENT ? from.slice().reverse() : from);
  }

  reset(): void {
    this.#writeControl(5, 0);
  }

  preSave(): void {
    this.dshift = this.#shift;
  }

  postLoad(): string | undefined {
    this.#run();
    return this.dshift === this.#shift ? undefined : `a DMA controller of width ${this.dshift}, not ${this.#shift}`;
  }

  #takeFlipFlop(): boolean {
    const high = this.flip_flop !== 0;
    this.flip_flop = high ? 0 : 1;
    return high;
  }

  #readChannel(port: number): number {
    const { mode, now, base } = this.regs[port >> 1]!;
    const sign = mode & MODE_DECREMENT ? -1 : 1;
    const high = this.#takeFlipFlop() ? 8 : 0;
    const value = port & 1 ? (base[COUNT]! << this.#shift) - now[COUNT]! : now[ADDR]! + now[COUNT]! * sign;
    return (value >> (this.#shift + high)) & 0xff;
  }

  #writeChannel(port: number, value: number): void {
    const { base, now } = this.regs[port >> 1]!;
    const which = port & 1;
    if (!this.#takeFlipFlop()) {
      base[which] = (base[which]! & 0xff00) | value;
      return;
    }
    base[which] = (base[which]! & 0xff) | (value << 8);
    now[ADDR] = base[ADDR]! << this.#shift;
    now[COUNT] = 0;
  }

  #readControl(port: number): number {
    if (port === 1) return this.mask;
    if (port !== 0) return 0;
    const status = this.#status;
    this.#status &= 0xf0;
    return status;
  }

  /** Source: i8257_write_cont. */
  #writeControl(port: number, value: number): void {
    const channel = 1 << (value & 3);
    switch (port) {
      case 0:
        if (!(value & CMD_NOT_SUPPORTED)) this.command = value;
        return;
      case 1:
        if (value & 4) this.#status |= channel << 4;
        else this.#status &= ~(channel << 4);
        this.#status &= ~channel;
        break;
      case 2:
        if (value & 4) this.mask |= channel;
        else this.mask &= ~channel;
        break;
      case 3:
        this.regs[value & 3]!.mode = value;
        return;
      case 4:
        this.flip_flop = 0;
        return;
      case 5:
        this.flip_flop = this.command = this.#status = 0;
        this.mask = 0xff;
        return;
      case 6:
        this.mask = 0;
        break;
      default:
        this.mask = value;
    }
    this.#run();
  }

  /** Serves the channels that are asked for and not masked, and tries again while some are. Source: i8257_dma_run. */
  #run(): void {
    let again = this.#running;
    if (!this.#running) {
      this.#running = true;
      for (let channel = 0; channel < 4; channel++) {
        if (this.mask & (1 << channel) || !(this.#status & (0x10 << channel))) continue;
        this.#runChannel(channel);
        again = true;
      }
      this.#running = false;
    }
    if (again) this.#retry.mod(this.#clock.now() + RETRY_NS);
  }

  #runChannel(channel: number): void {
    const { now, base } = this.regs[channel]!;
    const length = (base[COUNT]! + 1) << this.#shift;
    const handler = this.#handlers[channel];
    if (!handler) return;
    now[COUNT] = handler(channel + 4 * this.instance, now[COUNT]!, length);
    if (now[COUNT] === length) this.#status |= 1 << channel;
  }
}

const emptyRegs = (): I8257Regs => ({ now: [0, 0], base: [0, 0], mode: 0, page: 0, pageh: 0, dack: 0, eop: 0 });
