/** Section "ioapic". Source: QEMU hw/intc/ioapic_common.c; 82093AA datasheet 3.2.4. */
import { fieldsOf, unused, type Meaning, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, u32, u64, u8 } from '../../../vmstate/vmstate-types.ts';
import { MemoryRegion } from '../../system/memory.ts';
import { NANOSECONDS_PER_SECOND, type QEMUTimer } from '../../util/qemu-timer.ts';
import type { Irq } from '../core/irq.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';

export interface IOAPICCommonState {
  id: number;
  ioregsel: number;
  irr: number;
  ioredtbl: bigint[];
}

export const IOAPIC_NUM_PINS = 24;
export const IOAPIC_DEFAULT_ADDRESS = 0xfec00000;

const REDIRECTION: Meaning = {
  bits: [
    { bit: 0, width: 8, name: 'vector' },
    {
      bit: 8,
      width: 3,
      name: 'delivery',
      values: { 0: 'fixed', 1: 'lowest priority', 2: 'SMI', 4: 'NMI', 5: 'INIT', 7: 'ExtINT' }
    },
    { bit: 11, name: 'destination mode', values: { 0: 'physical', 1: 'logical' } },
    { bit: 12, name: 'pending', doc: 'not yet accepted' },
    { bit: 13, name: 'polarity', values: { 0: 'active high', 1: 'active low' } },
    { bit: 14, name: 'remote IRR', doc: 'accepted, EOI to come' },
    { bit: 15, name: 'trigger', values: { 0: 'edge', 1: 'level' } },
    { bit: 16, name: 'masked' },
    { bit: 48, name: 'remappable', doc: 'format for an IOMMU' },
    { bit: 56, width: 8, name: 'destination' }
  ]
};
/** What a PC has on the pins. ISA interrupt 0 is on pin 2. */
const PINS = [
  'unused or ExtINT',
  'keyboard',
  'timer',
  'COM2',
  'COM1',
  '',
  'floppy',
  'LPT1',
  'RTC',
  'ACPI',
  '',
  '',
  'mouse',
  '',
  'IDE primary',
  'IDE secondary'
] as const;

const ioapic = fieldsOf<IOAPICCommonState>();
/** QEMU calls it vmstate_ioapic_common. */
export const vmstate_ioapic: VMStateDescription<IOAPICCommonState> = {
  name: 'ioapic',
  version: 3,
  minimumVersion: 1,
  doc: 'Hands the interrupts of devices to the CPUs.',
  fields: [
    ioapic('id', u8),
    ioapic('ioregsel', u8, {
      doc: 'register that the window shows; from 10 on the halves of the table',
      radix: 16,
      values: { 0: 'id', 1: 'version', 2: 'arbitration' }
    }),
    unused(8, { since: 2, doc: 'base address in qemu-kvm' }),
    ioapic('irr', u32, {
      since: 2,
      doc: 'pins that request',
      bits: Array.from({ length: IOAPIC_NUM_PINS }, (_, bit) => ({ bit, name: `pin ${bit}` }))
    }),
    ioapic(
      'ioredtbl',
      arrayOf(u64, IOAPIC_NUM_PINS, {
        abouts: Array.from({ length: IOAPIC_NUM_PINS }, (_, i) => ({
          ...REDIRECTION,
          doc: PINS[i] ? `pin ${i}: ${PINS[i]}` : `pin ${i}`
        }))
      }),
      { doc: 'redirection table' }
    )
  ]
};

const LVT_MASKED = 1 << 16;
const LVT_LEVEL = 1 << 15;
const LVT_REMOTE_IRR = 1 << 14;
const LVT_DELIV_STATUS = 1 << 12;
/** What software cannot write. */
const READ_ONLY = LVT_REMOTE_IRR | LVT_DELIV_STATUS;
const DM_EXTINT = 7;
/** So often in a row an EOI may raise the same interrupt again before the next one waits. */
const SUCCESSIVE_IRQ_MAX_COUNT = 10000;
const LOW = 0xffff_ffffn;

/** Offsets in the page of registers, and what the window shows. */
const IOREGSEL = 0x00;
const IOWIN = 0x10;
const EOI = 0x40;
const REG_REDTBL_BASE = 0x10;

/** The I/O APIC: turns its pins into messages that the local APICs take from the memory bus. */
export class IOAPIC implements IOAPICCommonState, Device {
  readonly idstr = 'ioapic';
  readonly vmsd = vmstate_ioapic;
  readonly #host: DeviceHost;
  readonly #readPic: () => number;
  readonly #version: number;
  readonly #delayedService: QEMUTimer;
  readonly #eois = new Uint32Array(IOAPIC_NUM_PINS);
  /** To be put at IOAPIC_DEFAULT_ADDRESS. */
  readonly region: MemoryRegion;
  /** The pins. ISA interrupt 0 goes to pin 2. */
  readonly irqs: readonly Irq[];

  id = 0;
  ioregsel = 0;
  irr = 0;
  ioredtbl: bigint[] = [];

  /**
   * @param readPic acknowledges at the 8259s, for ExtINT
   * @param version 0x20; 0x11 (without a register to end interrupts) for machines before 2.8
   */
  constructor(host: DeviceHost, readPic: () => number, version = 0x20) {
    this.#host = host;
    this.#readPic = readPic;
    this.#version = version;
    this.#delayedService = host.clocks.virtual.timer(() => this.#service());
    this.region = MemoryRegion.io('ioapic', 0x1000, {
      read: (at, size) => this.#read(at & 0xff, size),
      write: (at, value, size) => this.#write(at & 0xff, value, size)
    });
    this.irqs = Array.from({ length: IOAPIC_NUM_PINS }, (_, n) => (level: number) => this.setIrq(n, level));
    this.reset();
  }

  /** Source: ioapic_reset_common. */
  reset(): void {
    this.id = this.ioregsel = this.irr = 0;
    this.ioredtbl = Array.from({ length: IOAPIC_NUM_PINS }, () => BigInt(LVT_MASKED));
    this.#eois.fill(0);
    this.#delayedService.del();
  }

  /** Source: ioapic_set_irq. */
  setIrq(gsi: number, level: number): void {
    const pin = gsi === 0 ? 2 : gsi;
    const mask = 1 << pin;
    const entry = this.#low(pin);
    if (!(entry & LVT_LEVEL)) {
      // 82093AA: an edge at a masked pin is lost.
      if (!level || entry & LVT_MASKED) return;
    } else if (!level) {
      this.irr &= ~mask;
      return;
    }
    this.irr |= mask;
    if (!(entry & LVT_LEVEL && entry & LVT_REMOTE_IRR)) this.#service();
  }

  /** A local APIC has ended a level-triggered interrupt. Source: ioapic_eoi_broadcast. */
  endOfInterrupt(vector: number): void {
    for (let pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
      const entry = this.#low(pin);
      if ((entry & 0xff) !== vector || !(entry & LVT_LEVEL) || !(entry & LVT_REMOTE_IRR)) continue;
      this.ioredtbl[pin]! &= ~BigInt(LVT_REMOTE_IRR);
      if (entry & LVT_MASKED || !(this.irr & (1 << pin))) {
        this.#eois[pin] = 0;
      } else if (++this.#eois[pin]! < SUCCESSIVE_IRQ_MAX_COUNT) {
        this.#service();
      } else {
        // Nobody serves the device: let the guest make slow progress, as real hardware does.
        this.#eois[pin] = 0;
        const { virtual } = this.#host.clocks;
        if (!this.#delayedService.pending) this.#delayedService.mod(virtual.now() + NANOSECONDS_PER_SECOND / 100n);
      }
    }
  }

  #low(pin: number): number {
    return Number(this.ioredtbl[pin]! & LOW);
  }

  /** Sends what is requested and not masked. Source: ioapic_service. */
  #service(): void {
    for (let pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
      if (!(this.irr & (1 << pin))) continue;
      const entry = this.#low(pin);
      if (entry & LVT_MASKED) continue;
      if (!(entry & LVT_LEVEL)) this.irr &= ~(1 << pin);
      else if (entry & LVT_REMOTE_IRR) continue;
      else this.ioredtbl[pin]! |= BigInt(LVT_REMOTE_IRR);
      this.#send(pin, entry);
    }
  }

  /** Source: ioapic_entry_parse. */
  #send(pin: number, entry: number): void {
    const mode = (entry >> 8) & 7;
    const vector = mode === DM_EXTINT ? this.#readPic() : entry & 0xff;
    const destination = Number(this.ioredtbl[pin]! >> 48n);
    const address = 0xfee00000 + destination * 16 + ((entry >> 11) & 1) * 4;
    this.#host.memory.write(address, vector | (mode << 8) | (entry & LVT_LEVEL), 4);
  }

  #read(at: number, size: number): number {
    if (at === IOREGSEL) return this.ioregsel;
    if (at !== IOWIN || size !== 4) return 0;
    switch (this.ioregsel) {
      case 0: // id
      case 2: // arbitration
        return (this.id << 24) >>> 0;
      case 1:
        return this.#version | ((IOAPIC_NUM_PINS - 1) << 16);
    }
    const pin = (this.ioregsel - REG_REDTBL_BASE) >> 1;
    if (pin < 0 || pin >= IOAPIC_NUM_PINS) return 0;
    return this.ioregsel & 1 ? Number(this.ioredtbl[pin]! >> 32n) : this.#low(pin);
  }

  #write(at: number, value: number, size: number): void {
    if (at === IOREGSEL) this.ioregsel = value & 0xff;
    else if (size !== 4) return;
    else if (at === IOWIN) this.#writeWindow(value);
    else if (at === EOI && this.#version === 0x20) this.endOfInterrupt(value & 0xff);
  }

  #writeWindow(value: number): void {
    if (this.ioregsel === 0) this.id = (value >> 24) & 0xf;
    const pin = (this.ioregsel - REG_REDTBL_BASE) >> 1;
    if (pin < 0 || pin >= IOAPIC_NUM_PINS) return;
    const old = this.ioredtbl[pin]!;
    let entry = this.ioregsel & 1 ? (old & LOW) | (BigInt(value) << 32n) : (old & ~LOW) | BigInt(value);
    entry = (entry & ~BigInt(READ_ONLY)) | (old & BigInt(READ_ONLY));
    // Linux ends an interrupt by making it edge-triggered for a moment.
    if (!(entry & BigInt(LVT_LEVEL))) entry &= ~BigInt(LVT_REMOTE_IRR);
    this.ioredtbl[pin] = entry;
    this.#eois[pin] = 0;
    this.#service();
  }
}
