/** Ports at which a guest ends the emulator with a status of its choice. Source: QEMU hw/misc/debugexit.c. */
import { MemoryRegion } from '../../system/memory.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';

export interface ISADebugExitOptions {
  readonly iobase: number;
  readonly iosize: number;
}
export const ISA_DEBUG_EXIT_DEFAULTS: ISADebugExitOptions = { iobase: 0x501, iosize: 2 };

/** Sends nothing in a stream. */
export class ISADebugExit implements Device {
  readonly idstr = 'isa-debug-exit';

  /** @param exit gets `(value << 1) | 1` of what is written: never 0 */
  constructor(
    { ports }: Pick<DeviceHost, 'ports'>,
    { iobase, iosize }: ISADebugExitOptions,
    exit: (status: number) => void
  ) {
    const region = MemoryRegion.io(this.idstr, iosize, {
      valid: { min: 1, max: 4 },
      read: () => 0,
      write: (_at, value) => exit((value << 1) | 1)
    });
    ports.register(iobase, region);
  }
}
