/** A 16550A UART as it runs. Source: QEMU hw/char/serial.c, util/fifo8.c; TI TL16C550 datasheet. */
import type { CharBackend, CharFrontend } from '../../chardev/char.ts';
import { NANOSECONDS_PER_SECOND, type QEMUClock, type QEMUTimer } from '../../util/qemu-timer.ts';
import type { Irq } from '../core/irq.ts';
import type { Fifo8, SerialState } from './serial.ts';
import {
  FCR_FE,
  FCR_RFR,
  FCR_XFR,
  IER_MSI,
  IER_RDI,
  IER_RLSI,
  IER_THRI,
  IIR_CTI,
  IIR_FE,
  IIR_ID,
  IIR_MSI,
  IIR_NO_INT,
  IIR_RDI,
  IIR_RLSI,
  IIR_THRI,
  LCR_DLAB,
  LSR_BI,
  LSR_DR,
  LSR_INT_ANY,
  LSR_OE,
  LSR_THRE,
  MCR_LOOP,
  MCR_OUT2,
  MSR_ANY_DELTA,
  MSR_CTS,
  MSR_DCD,
  MSR_DSR,
  UART_FIFO_LENGTH,
  UART_LSR_TEMT
} from './serial_regs.ts';

/** Bytes from which the receiver interrupts, by FCR bits 7 and 6. */
const TRIGGER = [1, 4, 8, 14];
const BAUD_BASE = 115_200;
/** Times that a byte is offered to a host that takes none. */
const MAX_XMIT_RETRY = 4;

const emptyFifo = (): Fifo8 => ({ data: new Uint8Array(UART_FIFO_LENGTH), head: 0, num: 0 });
function push(fifo: Fifo8, byte: number): void {
  fifo.data[(fifo.head + fifo.num) % UART_FIFO_LENGTH] = byte;
  fifo.num++;
}
function pop(fifo: Fifo8): number {
  const byte = fifo.data[fifo.head]!;
  fifo.head = (fifo.head + 1) % UART_FIFO_LENGTH;
  fifo.num--;
  return byte;
}

/**
 * The chip. A byte leaves as soon as it is written, as in QEMU: only the receiver's timeout knows the baud rate.
 * Its eight registers are read and written one byte at a time.
 */
export class Serial implements SerialState, CharFrontend {
  divider = 12;
  rbr = 0;
  ier = 0;
  iir = IIR_NO_INT;
  lcr = 0;
  mcr = MCR_OUT2;
  lsr = UART_LSR_TEMT | LSR_THRE;
  msr = MSR_DCD | MSR_DSR | MSR_CTS;
  scr = 0;
  fcr_vmstate = 0;
  thr_ipending = 0;
  tsr_retry = 0;
  thr = 0;
  tsr = 0;
  recv_fifo = emptyFifo();
  xmit_fifo = emptyFifo();
  timeout_ipending = 0;
  /** Modem lines are never polled: no host of ours has any. Source: serial_update_msl, ENOTSUP. */
  poll_msl = -1;
  modem_status_poll = -1n;

  readonly #clock: QEMUClock;
  readonly #irq: Irq;
  readonly #chr: CharBackend;
  readonly #timeout: QEMUTimer;
  /** ns that one byte takes on the line. */
  #transmitTime = 0n;

  constructor(clock: QEMUClock, irq: Irq, chr: CharBackend) {
    this.#clock = clock;
    this.#irq = irq;
    this.#chr = chr;
    this.#timeout = clock.timer(() => {
      if (this.recv_fifo.num === 0) return;
      this.timeout_ipending = 1;
      this.#updateIrq();
    });
    this.#updateParameters();
    chr.attach(this, () => {
      if (this.tsr_retry > 0) this.#transmit();
    });
  }

  get fifo_timeout_timer(): bigint {
    return this.#timeout.saved;
  }
  set fifo_timeout_timer(saved: bigint) {
    this.#timeout.load(saved);
  }

  /** Source: serial_reset. */
  reset(): void {
    this.rbr = this.ier = this.lcr = this.scr = 0;
    this.iir = IIR_NO_INT;
    this.lsr = UART_LSR_TEMT | LSR_THRE;
    this.msr = MSR_DCD | MSR_DSR | MSR_CTS;
    this.divider = 12;
    this.mcr = MCR_OUT2;
    this.fcr_vmstate = 0;
    this.tsr_retry = this.thr_ipending = this.timeout_ipending = 0;
    this.#timeout.del();
    this.recv_fifo = emptyFifo();
    this.xmit_fifo = emptyFifo();
    this.#updateParameters();
    this.#irq(0);
  }

  /** Subsections that do not come leave what they stand for. Source: serial_pre_load. */
  preLoad(): void {
    this.thr_ipending = -1;
    this.poll_msl = -1;
    this.tsr_retry = this.timeout_ipending = 0;
    this.#timeout.del();
    this.recv_fifo = emptyFifo();
    this.xmit_fifo = emptyFifo();
  }

  /** Source: serial_post_load. */
  postLoad(): void {
    if (this.thr_ipending === -1) this.thr_ipending = (this.iir & IIR_ID) === IIR_THRI ? 1 : 0;
    for (const fifo of [this.recv_fifo, this.xmit_fifo]) {
      fifo.head %= UART_FIFO_LENGTH;
      fifo.num = Math.min(fifo.num, UART_FIFO_LENGTH);
    }
    this.tsr_retry = Math.min(this.tsr_retry, MAX_XMIT_RETRY);
    this.#updateParameters();
    if (this.tsr_retry > 0) this.#transmit();
  }

  /** @param address 0 to 7 */
  read(address: number): number {
    const divisor = (this.lcr & LCR_DLAB) !== 0;
    switch (address) {
      case 0:
        return divisor ? this.divider & 0xff : this.#readData();
      case 1:
        return divisor ? this.divider >> 8 : this.ier;
      case 2: {
        const { iir } = this;
        if ((iir & IIR_ID) === IIR_THRI) {
          this.thr_ipending = 0;
          this.#updateIrq();
        }
        return iir;
      }
      case 3:
        return this.lcr;
      case 4:
        return this.mcr;
      case 5: {
        const { lsr } = this;
        if (lsr & (LSR_BI | LSR_OE)) {
          this.lsr &= ~(LSR_BI | LSR_OE);
          this.#updateIrq();
        }
        return lsr;
      }
      case 6:
        return this.#readModemStatus();
      default:
        return this.scr;
    }
  }

  /** @param address 0 to 7 */
  write(address: number, value: number): void {
    const divisor = (this.lcr & LCR_DLAB) !== 0;
    switch (address) {
      case 0:
        if (divisor) this.#setDivider((this.divider & 0xff00) | value);
        else this.#writeData(value);
        return;
      case 1:
        if (divisor) this.#setDivider((this.divider & 0xff) | (value << 8));
        else this.#setInterruptEnable(value & 0xf);
        return;
      case 2:
        this.#setFifoControl(value);
        return;
      case 3:
        this.lcr = value;
        this.#updateParameters();
        return;
      case 4:
        this.mcr = value & 0x1f;
        return;
      case 7:
        this.scr = value;
    }
  }

  canReceive(): number {
    if (!(this.fcr_vmstate & FCR_FE)) return this.lsr & LSR_DR ? 0 : 1;
    const { num } = this.recv_fifo;
    if (num >= UART_FIFO_LENGTH) return 0;
    // Not more than to the trigger level, so that the guest's choice of it counts. Source: serial_can_receive.
    return num < this.#trigger ? this.#trigger - num : 1;
  }

  receive(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (this.fcr_vmstate & FCR_FE) this.#receiveIntoFifo(byte);
      else {
        if (this.lsr & LSR_DR) this.lsr |= LSR_OE;
        this.rbr = byte;
      }
    }
    this.lsr |= LSR_DR;
    if (this.fcr_vmstate & FCR_FE) this.#armTimeout();
    this.#updateIrq();
  }

  receiveBreak(): void {
    this.rbr = 0;
    this.#receiveIntoFifo(0);
    this.lsr |= LSR_BI | LSR_DR;
    this.#updateIrq();
  }

  get #trigger(): number {
    return TRIGGER[this.fcr_vmstate >> 6]!;
  }

  #receiveIntoFifo(byte: number): void {
    if (this.recv_fifo.num < UART_FIFO_LENGTH) push(this.recv_fifo, byte);
    else this.lsr |= LSR_OE;
  }

  #readData(): number {
    let byte = this.rbr;
    if (this.fcr_vmstate & FCR_FE) {
      byte = this.recv_fifo.num > 0 ? pop(this.recv_fifo) : 0;
      if (this.recv_fifo.num > 0) this.#armTimeout();
      this.timeout_ipending = 0;
    }
    if (!(this.fcr_vmstate & FCR_FE) || this.recv_fifo.num === 0) this.lsr &= ~(LSR_DR | LSR_BI);
    this.#updateIrq();
    if (!(this.mcr & MCR_LOOP)) this.#chr.acceptInput();
    return byte;
  }

  #writeData(value: number): void {
    this.thr = value;
    if (this.fcr_vmstate & FCR_FE) {
      if (this.xmit_fifo.num === UART_FIFO_LENGTH) pop(this.xmit_fifo);
      push(this.xmit_fifo, value);
    }
    this.thr_ipending = 0;
    this.lsr &= ~(LSR_THRE | UART_LSR_TEMT);
    this.#updateIrq();
    if (this.tsr_retry === 0) this.#transmit();
  }

  /** Source: serial_xmit. */
  #transmit(): void {
    do {
      if (this.tsr_retry === 0) {
        const fifo = (this.fcr_vmstate & FCR_FE) !== 0;
        if (fifo && this.xmit_fifo.num === 0) break;
        this.tsr = fifo ? pop(this.xmit_fifo) : this.thr;
        if (!fifo || this.xmit_fifo.num === 0) this.lsr |= LSR_THRE;
        if (this.lsr & LSR_THRE && !this.thr_ipending) {
          this.thr_ipending = 1;
          this.#updateIrq();
        }
      }
      if (this.mcr & MCR_LOOP) this.receive(Uint8Array.of(this.tsr));
      else if (this.#chr.write(Uint8Array.of(this.tsr)) === 0 && this.tsr_retry < MAX_XMIT_RETRY) {
        this.tsr_retry++;
        return;
      }
      this.tsr_retry = 0;
    } while (!(this.lsr & LSR_THRE));
    this.lsr |= UART_LSR_TEMT | LSR_THRE;
  }

  #setInterruptEnable(value: number): void {
    const changed = this.ier ^ value;
    this.ier = value;
    // Turning it on interrupts at once when the holding register is empty, even if that was said before.
    if (changed & IER_THRI) this.thr_ipending = value & IER_THRI && this.lsr & LSR_THRE ? 1 : 0;
    if (changed) this.#updateIrq();
  }

  #setFifoControl(value: number): void {
    const resets = (value ^ this.fcr_vmstate) & FCR_FE ? value | FCR_XFR | FCR_RFR : value;
    if (resets & FCR_RFR) {
      this.lsr &= ~(LSR_DR | LSR_BI);
      this.#timeout.del();
      this.timeout_ipending = 0;
      this.recv_fifo = emptyFifo();
    }
    if (resets & FCR_XFR) {
      this.lsr |= LSR_THRE;
      this.thr_ipending = 1;
      this.xmit_fifo = emptyFifo();
    }
    this.fcr_vmstate = value & 0xc9;
    this.iir = value & FCR_FE ? this.iir | IIR_FE : this.iir & ~IIR_FE;
    this.#updateIrq();
  }

  #readModemStatus(): number {
    // In a loop the outputs are wired to the inputs.
    if (this.mcr & MCR_LOOP) return ((this.mcr & 0xc) << 4) | ((this.mcr & 2) << 3) | ((this.mcr & 1) << 5);
    const { msr } = this;
    if (msr & MSR_ANY_DELTA) {
      this.msr &= 0xf0;
      this.#updateIrq();
    }
    return msr;
  }

  #setDivider(divider: number): void {
    this.divider = divider;
    this.#updateParameters();
  }

  #updateParameters(): void {
    const bits = 1 + (this.lcr & 8 ? 1 : 0) + (this.lcr & 4 ? 2 : 1) + (this.lcr & 3) + 5;
    const baud = this.divider === 0 ? 3500 : BAUD_BASE / this.divider;
    this.#transmitTime = BigInt(Math.trunc((Number(NANOSECONDS_PER_SECOND) / baud) * bits));
  }

  #armTimeout(): void {
    this.#timeout.mod(this.#clock.now() + this.#transmitTime * 4n);
  }

  /** Source: serial_update_irq; the order is the chip's priority. */
  #updateIrq(): void {
    const fifo = this.fcr_vmstate & FCR_FE;
    let id = IIR_NO_INT;
    if (this.ier & IER_RLSI && this.lsr & LSR_INT_ANY) id = IIR_RLSI;
    else if (this.ier & IER_RDI && this.timeout_ipending) id = IIR_CTI;
    else if (this.ier & IER_RDI && this.lsr & LSR_DR && (!fifo || this.recv_fifo.num >= this.#trigger)) id = IIR_RDI;
    else if (this.ier & IER_THRI && this.thr_ipending) id = IIR_THRI;
    else if (this.ier & IER_MSI && this.msr & MSR_ANY_DELTA) id = IIR_MSI;
    this.iir = id | (this.iir & 0xf0);
    this.#irq(id === IIR_NO_INT ? 0 : 1);
  }
}
