/** The parallel port. Source: QEMU hw/char/parallel.c; IEEE 1284. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { i32, u8 } from '../../../vmstate/vmstate-types.ts';
import type { CharBackend } from '../../chardev/char.ts';
import type { Irq } from '../core/irq.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';

export interface ISAParallelState {
  state: {
    dataw: number;
    datar: number;
    status: number;
    control: number;
    irq_pending: number;
    epp_timeout: number;
  };
}
const p = fieldsOf<ISAParallelState>();
export const vmstate_parallel_isa: VMStateDescription<ISAParallelState> = {
  name: 'parallel_isa',
  version: 1,
  minimumVersion: 1,
  fields: [
    p('state.dataw', u8, { doc: 'Data written' }),
    p('state.datar', u8, { doc: 'Data to be read' }),
    p('state.status', u8, {
      bits: [
        { name: 'TMOUT', bit: 0, doc: 'EPP timeout' },
        { name: 'ERROR', bit: 3, doc: '0 is an error' },
        { name: 'ONLINE', bit: 4 },
        { name: 'PAPER', bit: 5, doc: 'out of paper' },
        { name: 'ACK', bit: 6 },
        { name: 'BUSY', bit: 7, doc: '0 is busy' }
      ]
    }),
    p('state.control', u8, {
      bits: [
        { name: 'STROBE', bit: 0 },
        { name: 'AUTOLF', bit: 1 },
        { name: 'INIT', bit: 2 },
        { name: 'SELECT', bit: 3 },
        { name: 'INTEN', bit: 4 },
        { name: 'DIR', bit: 5, values: { 0: 'write', 1: 'read' } }
      ]
    }),
    p('state.irq_pending', i32),
    p('state.epp_timeout', i32)
  ]
};

const STS_ERROR = 0x08;
const STS_ONLINE = 0x10;
const STS_ACK = 0x40;
const STS_BUSY = 0x80;
const STS_TMOUT = 0x01;
const STS_READY = STS_BUSY | STS_ACK | STS_ONLINE | STS_ERROR;
const CTR_STROBE = 0x01;
const CTR_INIT = 0x04;
const CTR_SELECT = 0x08;
const CTR_INTEN = 0x10;
const CTR_DIR = 0x20;
/** These read as 1. */
const CTR_FIXED = 0xc0;
const IO_BASE = 0x378;
const ISA_IRQ = 7;

/** A printer port in compatibility mode: bytes go where the strobe sends them. */
export class ISAParallel implements ISAParallelState, Device {
  readonly idstr = 'parallel_isa';
  readonly vmsd = vmstate_parallel_isa;
  readonly state = { dataw: 0xff, datar: 0xff, status: 0, control: 0, irq_pending: 0, epp_timeout: 0 };
  readonly #irq: Irq;
  readonly #chr: CharBackend;

  constructor({ ports }: Pick<DeviceHost, 'ports'>, isaIrqs: readonly Irq[], chr: CharBackend) {
    this.#irq = isaIrqs[ISA_IRQ]!;
    this.#chr = chr;
    ports.registerList(IO_BASE, 'parallel', [
      {
        ...{ offset: 0, len: 8, size: 1 },
        read: (port) => this.#read(port & 7),
        write: (port, value) => this.#write(port & 7, value)
      }
    ]);
    this.reset();
  }

  reset(): void {
    const control = CTR_SELECT | CTR_INIT | CTR_FIXED;
    Object.assign(this.state, { dataw: 0xff, datar: 0xff, status: STS_READY | STS_TMOUT, control });
    Object.assign(this.state, { irq_pending: 0, epp_timeout: 0 });
  }

  #updateIrq(): void {
    this.#irq(this.state.irq_pending ? 1 : 0);
  }

  /** Source: parallel_ioport_read_sw. */
  #read(register: number): number {
    const { state } = this;
    if (register === 0) return state.control & CTR_DIR ? state.datar : state.dataw;
    if (register === 2) return state.control;
    if (register !== 1) return 0xff;
    const { status } = state;
    state.irq_pending = 0;
    // The printer has the byte: it acknowledges at one look, and is ready at the next.
    if (!(status & STS_BUSY) && !(state.control & CTR_STROBE)) {
      if (status & STS_ACK) state.status &= ~STS_ACK;
      else state.status |= STS_ACK | STS_BUSY;
    }
    this.#updateIrq();
    return status;
  }

  /** Source: parallel_ioport_write_sw. */
  #write(register: number, value: number): void {
    const { state } = this;
    if (register === 0) state.dataw = value;
    else if (register === 2) {
      if (!(value & CTR_INIT)) state.status = STS_READY;
      else if (value & CTR_SELECT) this.#strobe(value);
      state.control = value | CTR_FIXED;
    } else return;
    this.#updateIrq();
  }

  #strobe(value: number): void {
    const { state } = this;
    if (value & CTR_STROBE) {
      state.status &= ~STS_BUSY;
      if (!(state.control & CTR_STROBE)) this.#chr.write(Uint8Array.of(state.dataw));
    } else if (state.control & CTR_INTEN) state.irq_pending = 1;
  }
}
