/** The fixed ACPI registers. Source: QEMU hw/acpi/core.c, include/hw/acpi/acpi.h; ACPI 6.5 section 4.8.3. */
import type { Bits, Meaning } from '../../../vmstate/vmstate.ts';
import { MemoryRegion } from '../../system/memory.ts';
import { muldiv64, NANOSECONDS_PER_SECOND, type QEMUClock, type QEMUTimer } from '../../util/qemu-timer.ts';
import type { Irq } from '../core/irq.ts';

/** PM timer. */
export const PM_TIMER_FREQUENCY = 3_579_545;

export const PM1_STATUS: Meaning = {
  source: 'ACPI 4.8.3.1.1',
  bits: [
    { bit: 0, name: 'TMR_STS', doc: 'PM timer overflowed' },
    { bit: 4, name: 'BM_STS', doc: 'bus master request' },
    { bit: 5, name: 'GBL_STS', doc: 'the BIOS wants attention' },
    { bit: 8, name: 'PWRBTN_STS', doc: 'power button pressed' },
    { bit: 9, name: 'SLPBTN_STS', doc: 'sleep button pressed' },
    { bit: 10, name: 'RTC_STS', doc: 'RTC alarm' },
    { bit: 14, name: 'PCIEXP_WAKE_STS' },
    { bit: 15, name: 'WAK_STS', doc: 'woken from sleep' }
  ]
};
export const PM1_ENABLE: Meaning = {
  source: 'ACPI 4.8.3.1.2',
  bits: [
    { bit: 0, name: 'TMR_EN' },
    { bit: 5, name: 'GBL_EN' },
    { bit: 8, name: 'PWRBTN_EN' },
    { bit: 9, name: 'SLPBTN_EN' },
    { bit: 10, name: 'RTC_EN' },
    { bit: 14, name: 'PCIEXP_WAKE_DIS' }
  ]
};
export const PM1_CONTROL: Meaning = {
  source: 'ACPI 4.8.3.2.1',
  bits: [
    { bit: 0, name: 'SCI_EN', doc: 'events as SCI: the OS has taken over ACPI' },
    { bit: 1, name: 'BM_RLD', doc: 'bus master requests wake the CPU' },
    { bit: 2, name: 'GBL_RLS', doc: 'the OS released the global lock' },
    { bit: 10, width: 3, name: 'SLP_TYP', doc: 'kind of sleep', values: { 0: 'S5', 1: 'S3', 2: 'S4' } },
    { bit: 13, name: 'SLP_EN', doc: 'go to sleep' }
  ]
};

export const PM_TIMER: Meaning = { doc: 'next overflow of the PM timer', unit: 'ns', clock: true };
export const PM_OVERFLOW_TIME: Meaning = {
  doc: 'the same in ticks of the PM timer, 3.579545 MHz',
  unit: 'ticks',
  clock: true
};

/** Source: include/hw/acpi/acpi_dev_interface.h AcpiEventStatusBits. */
export const GPE0: readonly Bits[] = [
  { bit: 1, name: 'PCI hotplug' },
  { bit: 2, name: 'CPU hotplug' },
  { bit: 3, name: 'memory hotplug' },
  { bit: 4, name: 'NVDIMM hotplug' },
  { bit: 5, name: 'VM generation changed' },
  { bit: 6, name: 'power down' }
];

const TIMER = 0x0001;
const POWER_BUTTON = 0x0100;
const RT_CLOCK = 0x0400;
const WAKE_STATUS = 0x8000;
/** Events of PM1 that can raise an SCI. */
const COMMON_ENABLED = 0x0521;
const SCI_ENABLE = 1;
const SLEEP_ENABLE = 0x2000;
/** The timer has 24 bits and says so when the highest one changes. */
const HALF = 0x80_0000n;
const TIMER_MASK = 0xff_ffffn;

/** Why a sleeping machine is woken. Source: qapi/run-state.json WakeupReason. */
export type WakeupReason = 'rtc' | 'pm-timer' | 'other';

export interface ACPIWiring {
  readonly clock: QEMUClock;
  /** Interrupt 9. */
  readonly sci: Irq;
  readonly shutdownRequest: () => void;
  readonly suspendRequest: () => void;
  /** Asks for a sleeping machine to be woken. */
  readonly wakeupRequest: (reason: WakeupReason) => void;
  /** SLP_TYP of S4. */
  readonly s4: number;
  /** ACPI cannot be turned off: there is no system management mode to go back to. */
  readonly acpiOnly: boolean;
}

/** The fixed registers of a chipset; the names are those of its description. */
export class ACPIRegs {
  readonly pm1 = { evt: { sts: 0, en: 0 }, cnt: { cnt: 0 } };
  /** Registers of the general purpose events: the first one is the low byte. */
  readonly gpe = { sts: 0, en: 0 };
  readonly tmr: { timer: bigint; overflow_time: bigint };
  readonly #wiring: ACPIWiring;
  readonly #timer: QEMUTimer;

  constructor(wiring: ACPIWiring) {
    this.#wiring = wiring;
    const timer = wiring.clock.timer(() => {
      wiring.wakeupRequest('pm-timer');
      this.updateSci();
    });
    this.#timer = timer;
    this.tmr = {
      overflow_time: 0n,
      get timer() {
        return timer.saved;
      },
      set timer(saved) {
        timer.load(saved);
      }
    };
  }

  /** The events, control and timer registers at their places in a block of ports. */
  addRegions(block: MemoryRegion): void {
    const words = { valid: { min: 1, max: 2 }, impl: { min: 2 } };
    block.addSubregion(
      0,
      MemoryRegion.io('acpi-evt', 4, {
        ...words,
        read: (addr) => (addr === 0 ? this.#status() : addr === 2 ? this.pm1.evt.en : 0),
        write: (addr, value) => this.#writeEvent(addr, value)
      })
    );
    block.addSubregion(
      4,
      MemoryRegion.io('acpi-cnt', 2, {
        ...words,
        read: (addr) => this.pm1.cnt.cnt >> (8 * addr),
        write: (addr, value) => this.#writeControl(addr, value)
      })
    );
    block.addSubregion(
      8,
      MemoryRegion.io('acpi-tmr', 4, {
        valid: { min: 1, max: 4 },
        impl: { min: 4 },
        read: () => Number(this.#ticks() & TIMER_MASK),
        write: () => {}
      })
    );
  }

  #ticks(): bigint {
    return muldiv64(this.#wiring.clock.now(), BigInt(PM_TIMER_FREQUENCY), NANOSECONDS_PER_SECOND);
  }
  /** When the timer overflows next, ns. */
  get #overflow(): bigint {
    return muldiv64(this.tmr.overflow_time, NANOSECONDS_PER_SECOND, BigInt(PM_TIMER_FREQUENCY));
  }

  /** Source: acpi_pm1_evt_get_sts. */
  #status(): number {
    if (this.#wiring.clock.now() >= this.#overflow) this.pm1.evt.sts |= TIMER;
    return this.pm1.evt.sts;
  }

  #writeEvent(addr: number, value: number): void {
    const { evt } = this.pm1;
    if (addr === 0) {
      if (this.#status() & value & TIMER) this.tmr.overflow_time = (this.#ticks() + HALF) & ~(HALF - 1n);
      evt.sts &= ~value;
    } else if (addr === 2) evt.en = value;
    this.updateSci();
  }

  /** Whether a sleeping machine is to be woken by it. */
  wakes(reason: WakeupReason): boolean {
    const { en } = this.pm1.evt;
    return reason === 'other' || (en & (reason === 'rtc' ? RT_CLOCK : TIMER)) !== 0;
  }

  /** The machine was woken. Source: acpi_notify_wakeup. */
  woken(reason: WakeupReason): void {
    const why = { rtc: RT_CLOCK, 'pm-timer': TIMER, other: POWER_BUTTON }[reason];
    this.pm1.evt.sts |= WAKE_STATUS | why;
  }

  /** Somebody has pressed the power button. */
  powerDown(): void {
    if (!(this.pm1.evt.en & POWER_BUTTON)) return;
    this.pm1.evt.sts |= POWER_BUTTON;
    this.updateSci();
  }

  /** The BIOS hands ACPI over, or takes it back. Source: acpi_pm1_cnt_update. */
  enableSci(enable: boolean): void {
    if (this.#wiring.acpiOnly) return;
    if (enable) this.pm1.cnt.cnt |= SCI_ENABLE;
    else this.pm1.cnt.cnt &= ~SCI_ENABLE;
  }

  /** Source: acpi_pm_cnt_write. */
  #writeControl(addr: number, value: number): void {
    const { cnt } = this.pm1;
    const word = addr === 1 ? ((value << 8) | (cnt.cnt & 0xff)) & 0xffff : value;
    cnt.cnt = word & ~SLEEP_ENABLE;
    if (!(word & SLEEP_ENABLE)) return;
    const type = (word >> 10) & 7;
    if (type === 0 || type === this.#wiring.s4) this.#wiring.shutdownRequest();
    else if (type === 1) this.#wiring.suspendRequest();
  }

  /** @param addr byte of the block: status first, then enable, half of it each */
  readGpe(addr: number): number {
    return (addr < 2 ? this.gpe.sts >> (8 * addr) : this.gpe.en >> (8 * (addr - 2))) & 0xff;
  }
  writeGpe(addr: number, value: number): void {
    const shift = 8 * (addr & 1);
    if (addr < 2) this.gpe.sts &= ~(value << shift);
    else this.gpe.en = (this.gpe.en & ~(0xff << shift)) | (value << shift);
    this.updateSci();
  }
  /** @param events a bit each. Source: acpi_send_gpe_event. */
  sendGpeEvent(events: number): void {
    this.gpe.sts |= events;
    this.updateSci();
  }

  reset(): void {
    this.pm1.evt.sts = this.pm1.evt.en = 0;
    this.pm1.cnt.cnt = this.#wiring.acpiOnly ? SCI_ENABLE : 0;
    this.tmr.overflow_time = 0n;
    this.#timer.del();
    this.gpe.sts = this.gpe.en = 0;
    this.updateSci();
  }

  /** Source: acpi_update_sci. */
  updateSci(): void {
    const status = this.#status();
    const { en } = this.pm1.evt;
    const raised = (status & en & COMMON_ENABLED) !== 0 || (this.gpe.sts & this.gpe.en & 0xff) !== 0;
    this.#wiring.sci(raised ? 1 : 0);
    if (en & TIMER && !(status & TIMER)) this.#timer.mod(this.#overflow);
    else this.#timer.del();
  }
}
