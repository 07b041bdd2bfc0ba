/** A port whose bytes go straight to a character device: firmware talks there. Source: QEMU hw/char/debugcon.c. */
import type { CharBackend } from '../../chardev/char.ts';
import { MemoryRegion } from '../../system/memory.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';

export interface ISADebugconOptions {
  readonly iobase: number;
  /** What the port reads as: by it the firmware sees that somebody listens. */
  readonly readback: number;
}
export const ISA_DEBUGCON_DEFAULTS: ISADebugconOptions = { iobase: 0xe9, readback: 0xe9 };

/** Sends nothing in a stream. */
export class ISADebugcon implements Device {
  readonly idstr = 'isa-debugcon';

  constructor({ ports }: Pick<DeviceHost, 'ports'>, { iobase, readback }: ISADebugconOptions, chr: CharBackend) {
    const region = MemoryRegion.io(this.idstr, 1, {
      valid: { min: 1, max: 1 },
      read: () => readback,
      write: (_at, value) => void chr.write(Uint8Array.of(value))
    });
    ports.register(iobase, region);
  }
}
