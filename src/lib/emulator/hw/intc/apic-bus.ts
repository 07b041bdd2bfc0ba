/**
 * Where local APICs, I/O APICs and MSIs meet: who is meant by a destination, and the page of registers, which shows
 * each CPU its own. Source: QEMU hw/intc/apic.c (apic_mem_read, apic_send_msi, apic_bus_deliver), hw/i386/x86-cpu.c.
 */
import { MemoryRegion } from '../../system/memory.ts';
import type { Irq } from '../core/irq.ts';
import type { DeviceHost } from '../core/qdev.ts';
import type { APIC } from './apic.ts';

export const APIC_DEFAULT_ADDRESS = 0xfee00000;
const APIC_SPACE_SIZE = 0x100000;

/** Delivery modes. */
export const DM = { FIXED: 0, LOWPRI: 1, SMI: 2, NMI: 4, INIT: 5, SIPI: 6, EXTINT: 7 } as const;

/** What an interrupt message says. */
export interface Message {
  readonly mode: number;
  readonly vector: number;
  readonly level: boolean;
}

/** The 8259s and I/O APICs as the APICs see them. */
export interface ApicBoard {
  /** Whether the 8259s want to interrupt, and the vector when they are acknowledged. */
  readonly picOutput: () => boolean;
  readonly readPic: () => number;
  /** Broadcasts the end of a level-triggered interrupt to the I/O APICs. */
  readonly endOfInterrupt: (vector: number) => void;
}

/** All local APICs of a machine: the page of registers, which shows each CPU its own, and what they send each other. */
export class ApicBus {
  readonly host: DeviceHost;
  readonly board: ApicBoard;
  readonly apics: APIC[] = [];
  /** The CPU that runs: whose registers are seen. */
  current: APIC | undefined;
  /** To be put at APIC_DEFAULT_ADDRESS with priority 0x1000. */
  readonly region: MemoryRegion;

  constructor(host: DeviceHost, board: ApicBoard) {
    this.host = host;
    this.board = board;
    this.region = MemoryRegion.io('apic-msi', APIC_SPACE_SIZE, {
      // An end of interrupt makes an I/O APIC send the next one, while the first access is still going on.
      reentrant: true,
      valid: { min: 1, max: 4 },
      impl: { min: 1, max: 4 },
      read: (at, size) => (size < 4 ? 0 : (this.current?.read((at >> 4) & 0xff) ?? 0xffff_ffff)),
      write: (at, value, size) => this.#write(at, value, size)
    });
  }

  /** MSIs and registers share their addresses: what is reserved in one is used in the other. */
  #write(at: number, value: number, size: number): void {
    if (size < 4) return;
    const index = (at >> 4) & 0xff;
    if (at > 0xfff || index === 0) this.sendMsi(at, value);
    else this.current?.write(index, value);
  }

  /** An interrupt as a write to fee00000 + `address`. Source: apic_send_msi. */
  sendMsi(address: number, data: number): void {
    const destination = (address >>> 12) & 0xff;
    const targets = this.find(destination, ((address >> 2) & 1) !== 0);
    this.deliver(targets, { mode: (data >> 8) & 7, vector: data & 0xff, level: ((data >> 15) & 1) !== 0 });
  }

  /** Whom a destination means. Source: apic_get_delivery_bitmask. */
  find(destination: number, logical: boolean): APIC[] {
    return this.apics.filter((apic) => apic.isDestination(destination, logical));
  }

  /** Source: apic_bus_deliver. */
  deliver(targets: readonly APIC[], message: Message): void {
    const { mode, vector, level } = message;
    switch (mode) {
      case DM.LOWPRI:
        targets[0]?.setIrq(vector, level);
        return;
      case DM.FIXED:
      case DM.EXTINT:
        for (const apic of targets) apic.setIrq(vector, level);
        return;
      case DM.SMI:
        for (const apic of targets) apic.cpu.interrupt('SMI');
        return;
      case DM.NMI:
        for (const apic of targets) apic.cpu.interrupt('NMI');
        return;
      case DM.INIT:
        for (const apic of targets) apic.cpu.interrupt('INIT');
    }
  }

  /** INT of the 8259s. Source: hw/i386/x86-cpu.c pic_irq_request. */
  readonly picIrq: Irq = (level) => {
    const first = this.apics[0];
    if (first?.enabled) {
      for (const apic of this.apics) if (apic.acceptsPic) apic.deliverPicIrq(level);
    } else if (level) first?.cpu.interrupt('HARD');
    else first?.cpu.resetInterrupt();
  };
}
