/** A serial port of a PC. Source: QEMU hw/char/serial-isa.c. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import type { CharBackend } from '../../chardev/char.ts';
import { MemoryRegion } from '../../system/memory.ts';
import type { Irq } from '../core/irq.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';
import { vmstate_serial, type SerialState } from './serial.ts';
import { Serial } from './serial-device.ts';

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

/** Where COM1 to COM4 are. */
const ISA_SERIAL = [
  { iobase: 0x3f8, irq: 4 },
  { iobase: 0x2f8, irq: 3 },
  { iobase: 0x3e8, irq: 4 },
  { iobase: 0x2e8, irq: 3 }
] as const;
/** How many ports a PC can have. */
export const MAX_ISA_SERIAL_PORTS = ISA_SERIAL.length;

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
