/** The state of a 16550A UART. Source: QEMU hw/char/serial.c, util/fifo8.c. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { buffer, i32, timer, u16, u32, u8 } from '../../../vmstate/vmstate-types.ts';
import { IER_THRI, IIR_ID, IIR_THRI, UART_FIFO_LENGTH, UART_LSR_TEMT } from './serial_regs.ts';

export interface Fifo8 {
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
export const vmstate_serial: VMStateDescription<SerialState> = {
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
