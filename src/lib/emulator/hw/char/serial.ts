/** A 16550A UART. Source: QEMU hw/char/serial.c, hw/char/serial-isa.c, util/fifo8.c; TI TL16C550 datasheet. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { buffer, i32, timer, u16, u32, u8 } from '../../../vmstate/vmstate-types.ts';
import type { CharBackend, CharFrontend } from '../../chardev/char.ts';
import { NANOSECONDS_PER_SECOND, type QEMUClock, type QEMUTimer } from '../../util/qemu-timer.ts';
import { MemoryRegion } from '../../system/memory.ts';
import type { Irq } from '../core/irq.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';
import { pciDevice, type PCIDevice } from '../pci/pci.ts';

const UART_FIFO_LENGTH = 16;

const LCR_DLAB = 0x80;
const IER_MSI = 0x08;
const IER_RLSI = 0x04;
const IER_THRI = 0x02;
const IER_RDI = 0x01;
const IIR_NO_INT = 0x01;
const IIR_ID = 0x06;
const IIR_MSI = 0x00;
const IIR_THRI = 0x02;
const IIR_RDI = 0x04;
const IIR_RLSI = 0x06;
const IIR_CTI = 0x0c;
const IIR_FE = 0xc0;
const MCR_LOOP = 0x10;
const MCR_OUT2 = 0x08;
const MSR_DCD = 0x80;
const MSR_DSR = 0x20;
const MSR_CTS = 0x10;
const MSR_ANY_DELTA = 0x0f;
const UART_LSR_TEMT = 0x40;
const LSR_THRE = 0x20;
const LSR_BI = 0x10;
const LSR_INT_ANY = 0x1e;
const LSR_OE = 0x02;
const LSR_DR = 0x01;
const FCR_XFR = 0x04;
const FCR_RFR = 0x02;
const FCR_FE = 0x01;
/** Bytes from which the receiver interrupts, by FCR bits 7 and 6. */
const TRIGGER = [1, 4, 8, 14];
const BAUD_BASE = 115_200;
/** Times that a byte is offered to a host that takes none. */
const MAX_XMIT_RETRY = 4;

interface Fifo8 {
  data: Uint8Array;
  head: number;
  num: number;
}
export interface SerialState {
  divider: number;
  rbr: number;
  ier: number;
  iir: number;
  lcr: number;
  mcr: number;
  lsr: number;
  msr: number;
  scr: number;
  fcr_vmstate: number;
  thr_ipending: number;
  tsr_retry: number;
  thr: number;
  tsr: number;
  recv_fifo: Fifo8;
  xmit_fifo: Fifo8;
  fifo_timeout_timer: bigint;
  timeout_ipending: number;
  poll_msl: number;
  modem_status_poll: bigint;
}

const fifo = fieldsOf<Fifo8>();
const fifo8 = struct<Fifo8>({
  name: 'Fifo8',
  version: 1,
  minimumVersion: 1,
  fields: [
    fifo('data', buffer(UART_FIFO_LENGTH), { doc: 'A ring' }),
    fifo('head', u32, { doc: 'Place of the oldest byte' }),
    fifo('num', u32, { unit: 'bytes' })
  ]
});

/** QEMU: timer_pending, of a timer as it is saved. */
const isArmed = (expiry: bigint | undefined): boolean => expiry !== undefined && BigInt.asIntN(64, expiry) >= 0n;

const s = fieldsOf<SerialState>();
const vmstate_serial: VMStateDescription<SerialState> = {
  name: 'serial',
  version: 3,
  minimumVersion: 2,
  fields: [
    s('divider', u16, { since: 2, doc: 'Baud rate: 115200 divided by this' }),
    s('rbr', u8, { doc: 'Receiver buffer' }),
    s('ier', u8, {
      doc: 'Interrupt enable',
      bits: [
        { name: 'RDI', bit: 0, doc: 'data received' },
        { name: 'THRI', bit: 1, doc: 'transmitter holding register empty' },
        { name: 'RLSI', bit: 2, doc: 'line status' },
        { name: 'MSI', bit: 3, doc: 'modem status' }
      ]
    }),
    s('iir', u8, {
      doc: 'Interrupt identification',
      bits: [
        { name: 'NO_INT', bit: 0, doc: 'nothing is pending' },
        {
          name: 'ID',
          bit: 1,
          width: 3,
          values: { 0: 'modem status', 1: 'transmitter empty', 2: 'data received', 3: 'line status', 6: 'FIFO timeout' }
        },
        { name: 'FE', bit: 6, width: 2, values: { 0: 'no FIFO', 3: 'FIFO on' } }
      ]
    }),
    s('lcr', u8, {
      doc: 'Line control',
      bits: [
        { name: 'WLS', bit: 0, width: 2, values: { 0: '5 bits', 1: '6 bits', 2: '7 bits', 3: '8 bits' } },
        { name: 'STB', bit: 2, doc: 'two stop bits' },
        { name: 'PEN', bit: 3, doc: 'parity' },
        { name: 'EPS', bit: 4, doc: 'even parity' },
        { name: 'SPAR', bit: 5, doc: 'stick parity' },
        { name: 'SBRK', bit: 6, doc: 'break' },
        { name: 'DLAB', bit: 7, doc: 'the divisor is at the first two ports' }
      ]
    }),
    s('mcr', u8, {
      doc: 'Modem control',
      bits: [
        { name: 'DTR', bit: 0 },
        { name: 'RTS', bit: 1 },
        { name: 'OUT1', bit: 2 },
        { name: 'OUT2', bit: 3, doc: 'lets the interrupt out' },
        { name: 'LOOP', bit: 4 }
      ]
    }),
    s('lsr', u8, {
      doc: 'Line status',
      bits: [
        { name: 'DR', bit: 0, doc: 'data is there' },
        { name: 'OE', bit: 1, doc: 'overrun' },
        { name: 'PE', bit: 2 },
        { name: 'FE', bit: 3 },
        { name: 'BI', bit: 4, doc: 'break' },
        { name: 'THRE', bit: 5, doc: 'holding register is empty' },
        { name: 'TEMT', bit: 6, doc: 'transmitter is empty' }
      ]
    }),
    s('msr', u8, {
      doc: 'Modem status',
      bits: [
        { name: 'DCTS', bit: 0 },
        { name: 'DDSR', bit: 1 },
        { name: 'TERI', bit: 2 },
        { name: 'DDCD', bit: 3 },
        { name: 'CTS', bit: 4 },
        { name: 'DSR', bit: 5 },
        { name: 'RI', bit: 6 },
        { name: 'DCD', bit: 7 }
      ]
    }),
    s('scr', u8, { doc: 'Scratch' }),
    s('fcr_vmstate', u8, {
      since: 3,
      doc: 'FIFO control',
      bits: [
        { name: 'FE', bit: 0, doc: 'FIFO on' },
        { name: 'RFR', bit: 1 },
        { name: 'XFR', bit: 2 },
        { name: 'DMS', bit: 3 },
        {
          name: 'ITL',
          bit: 6,
          width: 2,
          doc: 'interrupt from so many bytes on',
          values: { 0: '1', 1: '4', 2: '8', 3: '14' }
        }
      ]
    })
  ],
  subsections: [
    {
      name: 'serial/thr_ipending',
      version: 1,
      minimumVersion: 1,
      needed: (t) => (t.ier & IER_THRI) !== 0 && (t.thr_ipending !== 0) !== ((t.iir & IIR_ID) === IIR_THRI),
      fields: [s('thr_ipending', i32, { doc: 'Transmitter interrupt is pending though iir shows another' })]
    },
    {
      name: 'serial/tsr',
      version: 1,
      minimumVersion: 1,
      needed: (t) => t.tsr_retry > 0,
      doc: 'A byte that the host has not taken',
      fields: [
        s('tsr_retry', u32, {
          doc: 'Attempts so far',
          check: (t) =>
            t.tsr_retry > 0 && t.lsr & UART_LSR_TEMT
              ? `inconsistent state in serial device (tsr empty, tsr_retry=${t.tsr_retry})`
              : undefined
        }),
        s('thr', u8, { doc: 'Transmitter holding register' }),
        s('tsr', u8, { doc: 'Transmitter shift register' })
      ]
    },
    {
      name: 'serial/recv_fifo',
      version: 1,
      minimumVersion: 1,
      needed: (t) => (t.recv_fifo?.num ?? 0) > 0,
      fields: [s('recv_fifo', fifo8, 1)]
    },
    {
      name: 'serial/xmit_fifo',
      version: 1,
      minimumVersion: 1,
      needed: (t) => (t.xmit_fifo?.num ?? 0) > 0,
      fields: [s('xmit_fifo', fifo8, 1)]
    },
    {
      name: 'serial/fifo_timeout_timer',
      version: 1,
      minimumVersion: 1,
      needed: (t) => isArmed(t.fifo_timeout_timer),
      fields: [s('fifo_timeout_timer', timer, { unit: 'ns', clock: true })]
    },
    {
      name: 'serial/timeout_ipending',
      version: 1,
      minimumVersion: 1,
      needed: (t) => (t.timeout_ipending ?? 0) !== 0,
      fields: [s('timeout_ipending', i32)]
    },
    {
      name: 'serial/poll',
      version: 1,
      minimumVersion: 1,
      needed: (t) => (t.poll_msl ?? -1) >= 0,
      fields: [
        s('poll_msl', i32, { values: { [-1]: 'off', 0: 'no longer', 1: 'modem lines are polled' } }),
        s('modem_status_poll', timer, { unit: 'ns', clock: true })
      ]
    }
  ]
};

export interface ISASerialState {
  state: SerialState;
}
const isa = fieldsOf<ISASerialState>();
export const vmstate_isa_serial: VMStateDescription<ISASerialState> = {
  name: 'serial',
  version: 3,
  minimumVersion: 2,
  fields: [isa('state', struct(vmstate_serial))]
};

export interface PCISerialState {
  dev: PCIDevice;
  state: SerialState;
}
const pci = fieldsOf<PCISerialState>();
export const vmstate_pci_serial: VMStateDescription<PCISerialState> = {
  name: 'pci-serial',
  version: 1,
  minimumVersion: 1,
  fields: [pci('dev', pciDevice()), pci('state', struct(vmstate_serial))]
};

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

/** Where COM1 to COM4 are. Source: hw/char/serial-isa.c. */
const ISA_SERIAL = [
  { iobase: 0x3f8, irq: 4 },
  { iobase: 0x2f8, irq: 3 },
  { iobase: 0x3e8, irq: 4 },
  { iobase: 0x2e8, irq: 3 }
] as const;
/** How many ports a PC can have. */
export const MAX_ISA_SERIAL_PORTS = ISA_SERIAL.length;

/** A serial port of a PC. */
export class ISASerial implements Device {
  readonly idstr = 'serial';
  readonly vmsd = vmstate_isa_serial;
  readonly instance: number;
  readonly uart: Serial;
  /** QEMU's ISASerialState. */
  readonly state: ISASerialState;

  /** @param instance 0 is COM1 */
  constructor({ ports, clocks }: DeviceHost, isaIrqs: readonly Irq[], instance: number, chr: CharBackend) {
    const { iobase, irq } = ISA_SERIAL[instance]!;
    this.instance = instance;
    this.uart = new Serial(clocks.virtual, isaIrqs[irq]!, chr);
    this.state = { state: this.uart };
    ports.register(
      iobase,
      MemoryRegion.io('serial', 8, {
        impl: { min: 1, max: 1 },
        read: (at) => this.uart.read(at),
        write: (at, value) => this.uart.write(at, value)
      })
    );
  }

  reset(): void {
    this.uart.reset();
  }
  preLoad(): void {
    this.uart.preLoad();
  }
  postLoad(): void {
    this.uart.postLoad();
  }
}
