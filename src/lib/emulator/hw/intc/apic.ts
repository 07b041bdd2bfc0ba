/**
 * The local APIC of a CPU. Its state is `apic_common.ts`, what lies between APICs `apic-bus.ts`.
 * Source: QEMU hw/intc/apic.c, apic_common.c; SDM 3A, APIC.
 */
import type { ApicCpu, LocalApic } from '../../system/local-apic.ts';
import type { QEMUTimer } from '../../util/qemu-timer.ts';
import { MigrationPriority, type Device } from '../core/qdev.ts';
import { APIC_DEFAULT_ADDRESS, DM, type ApicBus } from './apic-bus.ts';
import {
  APICCommon,
  BASE_BSP,
  BASE_ENABLE,
  BASE_EXTD,
  LVT_MASKED,
  LVT_NB,
  clearBit,
  highest,
  setBit,
  testBit,
  vmstate_apic
} from './apic_common.ts';

const BASE_ADDRESS = 0xffff_f000;
const BASE_RESERVED = ~0xffff_fd00n;

const SV_ENABLE = 1 << 8;
const SV_DIRECTED_IO = 1 << 12;
const ESR_ILLEGAL_ADDRESS = 1 << 7;

const LVT_TIMER = 0;
const LVT_LINT0 = 3;
const LVT_LINT1 = 4;
const LVT_LEVEL = 1 << 15;
const TIMER_MODE = 3 << 17;
const TIMER_TSCDEADLINE = 2 << 17;

const VERSION = 0x14;

/** Registers by number: their offset in the page divided by 16. */
const REG = {
  ID: 0x02,
  VERSION: 0x03,
  TPR: 0x08,
  APR: 0x09,
  PPR: 0x0a,
  EOI: 0x0b,
  LDR: 0x0d,
  DFR: 0x0e,
  SVR: 0x0f,
  ISR: 0x10,
  TMR: 0x18,
  IRR: 0x20,
  ESR: 0x28,
  ICR0: 0x30,
  ICR1: 0x31,
  LVT: 0x32,
  TIMER_INITIAL: 0x38,
  TIMER_CURRENT: 0x39,
  TIMER_DIVIDE: 0x3e,
  SELF_IPI: 0x3f
} as const;

export class APIC extends APICCommon implements LocalApic, Device {
  readonly idstr = 'apic';
  readonly vmsd = vmstate_apic;
  readonly priority = MigrationPriority.MIG_PRI_APIC;
  readonly cpu: ApicCpu;
  readonly #bus: ApicBus;
  readonly #timer: QEMUTimer;
  #tscDeadline: bigint | undefined;

  /** Becomes one of the bus's; number 0 is the processor that boots. */
  constructor(bus: ApicBus, cpu: ApicCpu, instance = 0) {
    super(instance);
    this.#bus = bus;
    this.cpu = cpu;
    this.#timer = bus.host.clocks.virtual.timer(() => {
      this.#timerFires();
    });
    if (instance === 0) this.apicbase = BASE_BSP;
    bus.apics.push(this);
    bus.current ??= this;
    this.reset();
  }

  /** Source: apic_reset_common. */
  reset(): void {
    this.apicbase = (APIC_DEFAULT_ADDRESS | (this.apicbase & BASE_BSP) | BASE_ENABLE) >>> 0;
    this.cpu.setApicFeature(true);
    this.id = this.instance;
    this.initReset();
  }

  initReset(): void {
    this.resetState();
    this.#tscDeadline = undefined;
    this.#timer.del();
  }

  preLoad(): void {
    this.wait_for_sipi = 0;
  }

  postLoad(): void {
    this.#armTimer();
    this.cpu.setApicFeature(this.enabled);
  }

  /** Requests an interrupt. Source: apic_set_irq. */
  setIrq(vector: number, level: boolean): void {
    setBit(this.irr, vector);
    if (level) setBit(this.tmr, vector);
    else clearBit(this.tmr, vector);
    this.#update();
  }

  /** Whether the 8259s' interrupts come through. Source: apic_accept_pic_intr. */
  get acceptsPic(): boolean {
    return !this.enabled || (this.lvt[LVT_LINT0]! & LVT_MASKED) === 0;
  }

  /** LINT0. Source: apic_deliver_pic_intr. */
  deliverPicIrq(level: number): void {
    if (level) {
      this.#localDeliver(LVT_LINT0);
      return;
    }
    const lvt = this.lvt[LVT_LINT0]!;
    const mode = (lvt >> 8) & 7;
    if (mode === DM.FIXED && lvt & LVT_LEVEL) clearBit(this.irr, lvt & 0xff);
    if (mode === DM.EXTINT || (mode === DM.FIXED && lvt & LVT_LEVEL)) this.#update();
  }

  /** LINT1: the NMI button, `nmi` in the monitor. Source: apic_deliver_nmi. */
  deliverNmi(): void {
    this.#localDeliver(LVT_LINT1);
  }

  /** Source: apic_local_deliver. */
  #localDeliver(source: number): void {
    const lvt = this.lvt[source]!;
    if (lvt & LVT_MASKED) return;
    switch ((lvt >> 8) & 7) {
      case DM.SMI:
        this.cpu.interrupt('SMI');
        break;
      case DM.NMI:
        this.cpu.interrupt('NMI');
        break;
      case DM.EXTINT:
        this.cpu.interrupt('HARD');
        break;
      case DM.FIXED:
        this.setIrq(lvt & 0xff, (source === LVT_LINT0 || source === LVT_LINT1) && (lvt & LVT_LEVEL) !== 0);
    }
  }

  /** The vector that may interrupt, 0 if there is none, below 0 if its priority does not suffice. */
  #pending(): number {
    if (!(this.spurious_vec & SV_ENABLE)) return 0;
    const vector = highest(this.irr);
    if (vector < 0) return 0;
    const ppr = this.ppr;
    return ppr && (vector & 0xf0) <= (ppr & 0xf0) ? -1 : vector;
  }

  get #picWaits(): boolean {
    return this.acceptsPic && this.#bus.board.picOutput();
  }

  /** Source: apic_update_irq. */
  #update(): void {
    if (this.#pending() > 0) this.cpu.interrupt('HARD');
    else if (!this.#picWaits) this.cpu.resetInterrupt();
  }

  poll(): void {
    this.#update();
  }

  interruptVector(): number {
    const vector = this.#acknowledge();
    if (vector >= 0) return vector;
    return this.acceptsPic ? this.#bus.board.readPic() : -1;
  }

  /** Source: apic_get_interrupt. */
  #acknowledge(): number {
    if (!(this.spurious_vec & SV_ENABLE)) return -1;
    const vector = this.#pending();
    // ExtINT ignores priorities.
    if (vector === 0 || this.#checkPic()) return -1;
    if (vector < 0) return this.spurious_vec & 0xff;
    clearBit(this.irr, vector);
    setBit(this.isr, vector);
    this.#update();
    return vector;
  }

  /** Source: apic_check_pic. */
  #checkPic(): boolean {
    if (!this.#picWaits) return false;
    this.deliverPicIrq(1);
    return true;
  }

  /** Source: apic_eoi. */
  #endOfInterrupt(): void {
    const vector = highest(this.isr);
    if (vector < 0) return;
    clearBit(this.isr, vector);
    if (!(this.spurious_vec & SV_DIRECTED_IO) && testBit(this.tmr, vector)) this.#bus.board.endOfInterrupt(vector);
    this.#update();
  }

  apicBase(): bigint {
    return BigInt(this.apicbase);
  }

  setApicBase(value: bigint): boolean {
    if (value & BASE_RESERVED) return false;
    const wanted = Number(value);
    const extended = (wanted & BASE_EXTD) !== 0;
    const enable = (wanted & BASE_ENABLE) !== 0;
    if (extended && (!this.cpu.x2apic || !enable || !this.enabled)) return false;
    if (this.x2apicMode && enable && !extended) return false;
    this.id = this.instance;
    this.apicbase = ((wanted & (BASE_ADDRESS | BASE_EXTD | BASE_ENABLE)) | (this.apicbase & BASE_BSP)) >>> 0;
    this.cpu.setApicFeature(enable);
    if (!enable) this.spurious_vec &= ~SV_ENABLE;
    return true;
  }

  cr8(): number {
    return this.tpr >> 4;
  }
  setCr8(value: number): void {
    this.tpr = (value << 4) & 0xff;
    this.#update();
  }

  sipi(): void {
    if (!this.wait_for_sipi) return;
    this.wait_for_sipi = 0;
    this.cpu.startUp(this.sipi_vector & 0xff);
  }

  setTscDeadline(expire: bigint | undefined): void {
    if (!this.#deadlineMode) return;
    this.#tscDeadline = expire;
    this.#timerUpdate(this.#now());
  }
  get #deadlineMode(): boolean {
    return (this.lvt[LVT_TIMER]! & TIMER_MODE) === TIMER_TSCDEADLINE;
  }

  #now(): bigint {
    return this.#bus.host.clocks.virtual.now();
  }

  /** Source: apic_timer_update. */
  #timerUpdate(now: bigint): void {
    if (this.#deadlineMode) {
      const masked = (this.lvt[LVT_TIMER]! & LVT_MASKED) !== 0;
      this.timer_expiry = masked ? -1n : (this.#tscDeadline ?? -1n);
      if (this.timer_expiry >= 0n) this.next_time = this.timer_expiry;
    } else this.nextTimer(now);
    this.#armTimer();
  }

  #armTimer(): void {
    if (this.timer_expiry === -1n) this.#timer.del();
    else this.#timer.mod(this.timer_expiry);
  }

  #timerFires(): void {
    if (this.#deadlineMode) {
      this.#tscDeadline = undefined;
      this.cpu.tscDeadlinePassed();
    }
    this.#localDeliver(LVT_TIMER);
    this.#timerUpdate(this.next_time);
  }

  /** A register of the page or an x2APIC MSR; undefined where there is none. Source: apic_register_read. */
  read(index: number): number | undefined {
    switch (index) {
      case REG.ID:
        return this.x2apicMode ? this.instance : (this.id << 24) >>> 0;
      case REG.VERSION:
        return VERSION | ((LVT_NB - 1) << 16);
      case REG.TPR:
        return this.tpr;
      case REG.APR:
      case REG.EOI:
        return 0;
      case REG.PPR:
        return this.ppr;
      case REG.LDR:
        return this.x2apicMode ? this.extendedLogDest : (this.log_dest << 24) >>> 0;
      case REG.DFR:
        return this.x2apicMode ? undefined : ((this.dest_mode << 28) | 0xfff_ffff) >>> 0;
      case REG.SVR:
        return this.spurious_vec;
      case REG.ESR:
        return this.esr;
      case REG.ICR0:
      case REG.ICR1:
        return this.icr[index & 1]!;
      case REG.TIMER_INITIAL:
        return this.initial_count;
      case REG.TIMER_CURRENT:
        return this.#deadlineMode ? 0 : this.currentCount(this.#now());
      case REG.TIMER_DIVIDE:
        return this.divide_conf;
    }
    if (index >= REG.ISR && index < REG.ISR + 8) return this.isr[index & 7]!;
    if (index >= REG.TMR && index < REG.TMR + 8) return this.tmr[index & 7]!;
    if (index >= REG.IRR && index < REG.IRR + 8) return this.irr[index & 7]!;
    if (index >= REG.LVT && index < REG.LVT + LVT_NB) return this.lvt[index - REG.LVT]!;
    this.esr |= ESR_ILLEGAL_ADDRESS;
    return undefined;
  }

  /** False where nothing can be written. `high` are the upper 32 bits of an MSR. Source: apic_register_write. */
  write(index: number, value: number, high = 0): boolean {
    switch (index) {
      case REG.ID:
      case REG.LDR:
      case REG.DFR:
      case REG.ICR1:
        if (this.x2apicMode) return false;
        if (index === REG.ID) this.id = value >>> 24;
        else if (index === REG.LDR) this.log_dest = value >>> 24;
        else if (index === REG.DFR) this.dest_mode = value >>> 28;
        else this.icr[1] = value;
        return true;
      case REG.TPR:
        this.tpr = value & 0xff;
        this.#update();
        return true;
      case REG.EOI:
        this.#endOfInterrupt();
        return true;
      case REG.SVR:
        this.spurious_vec = value & 0x1ff;
        this.#update();
        return true;
      case REG.ICR0:
        this.icr[0] = value;
        if (this.x2apicMode) this.icr[1] = high;
        this.#send();
        return true;
      case REG.TIMER_INITIAL:
        if (this.#deadlineMode) return true;
        this.initial_count = value;
        this.initial_count_load_time = this.#now();
        this.#timerUpdate(this.initial_count_load_time);
        return true;
      case REG.TIMER_DIVIDE:
        this.divide_conf = value & 0xb;
        this.count_shift = (((value & 3) | ((value >> 1) & 4)) + 1) & 7;
        return true;
      case REG.SELF_IPI:
        if (!this.x2apicMode) return false;
        this.#bus.deliver([this], { mode: DM.FIXED, vector: value & 0xff, level: false });
        return true;
      case REG.VERSION:
      case REG.APR:
      case REG.PPR:
      case REG.TIMER_CURRENT:
        return true;
    }
    if (index >= REG.ISR && index <= REG.ESR) return true;
    if (index >= REG.LVT && index < REG.LVT + LVT_NB) {
      this.#writeLvt(index - REG.LVT, value);
      return true;
    }
    this.esr |= ESR_ILLEGAL_ADDRESS;
    return false;
  }

  #writeLvt(n: number, value: number): void {
    this.lvt[n] = value;
    if (n === LVT_TIMER) {
      if (!this.#deadlineMode) this.#tscDeadline = undefined;
      this.#timerUpdate(this.#now());
    } else if (n === LVT_LINT0 && this.#checkPic()) this.#update();
  }

  msrRead(index: number): bigint | undefined {
    if (!this.x2apicMode) return undefined;
    const value = this.read(index);
    if (value === undefined || index === REG.ICR1) return undefined;
    return BigInt(value) | (index === REG.ICR0 ? BigInt(this.icr[1]!) << 32n : 0n);
  }

  msrWrite(index: number, value: bigint): boolean {
    if (!this.x2apicMode) return false;
    return this.write(index, Number(value & 0xffff_ffffn), Number((value >> 32n) & 0xffff_ffffn));
  }

  /** Sends what the interrupt command says. Source: apic_deliver. */
  #send(): void {
    const [low, high] = [this.icr[0]!, this.icr[1]!];
    const mode = (low >> 8) & 7;
    const vector = low & 0xff;
    const level = ((low >> 15) & 1) !== 0;
    const destination = this.x2apicMode ? high : high >>> 24;
    const { apics } = this.#bus;
    const targets = [
      () => this.#bus.find(destination, ((low >> 11) & 1) !== 0),
      () => [this],
      () => apics,
      () => apics.filter((apic) => apic !== this)
    ][(low >> 18) & 3]!();
    if (mode === DM.INIT && level && !((low >> 14) & 1)) {
      // INIT level de-assert: arbitration ids only.
      for (const apic of targets) apic.arb_id = apic.id;
    } else if (mode === DM.SIPI) {
      for (const apic of targets) apic.startUp(vector);
    } else this.#bus.deliver(targets, { mode, vector, level });
  }

  /** A start-up interrupt. Source: apic_startup. */
  startUp(vector: number): void {
    this.sipi_vector = vector;
    this.cpu.interrupt('SIPI');
  }
}
