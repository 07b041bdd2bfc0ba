/** ISA devices that are there only when asked for. None of them has a section in a stream. */
import type { CharBackend } from '../../chardev/char.ts';
import type { MemoryRegion } from '../../system/memory.ts';
import { ISADebugcon, type ISADebugconOptions } from '../char/debugcon.ts';
import type { Irq } from '../core/irq.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';
import { ISADebugExit, type ISADebugExitOptions } from '../misc/debugexit.ts';
import { PCTestdev } from '../misc/pc-testdev.ts';

export type ISADeviceSpec =
  | ({ readonly driver: 'isa-debug-exit' } & ISADebugExitOptions)
  | { readonly driver: 'pc-testdev' }
  /** @property chardev id of the character device that its bytes go to */
  | ({ readonly driver: 'isa-debugcon'; readonly chardev: string } & ISADebugconOptions);

export interface ISABus {
  readonly host: Pick<DeviceHost, 'ports'>;
  /** Where MMIO is mapped. */
  readonly memory: MemoryRegion;
  readonly irqs: readonly Irq[];
  readonly chardev: (id: string) => CharBackend;
  /** The guest ends the emulator with this status. */
  readonly exit: (status: number) => void;
}

export function plugISA({ host, memory, irqs, chardev, exit }: ISABus, spec: ISADeviceSpec): Device {
  switch (spec.driver) {
    case 'isa-debug-exit':
      return new ISADebugExit(host, spec, exit);
    case 'pc-testdev':
      return new PCTestdev(host, memory, irqs);
    case 'isa-debugcon':
      return new ISADebugcon(host, spec, chardev(spec.chardev));
  }
}
