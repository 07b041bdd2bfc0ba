/** Port 0x92, "fast A20". Source: QEMU hw/i386/port92.c. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { u8 } from '../../../vmstate/vmstate-types.ts';
import { MemoryRegion } from '../../system/memory.ts';
import type { Irq } from '../core/irq.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';

export interface Port92State {
  outport: number;
}
const p = fieldsOf<Port92State>();
export const vmstate_port92_isa: VMStateDescription<Port92State> = {
  name: 'port92',
  version: 1,
  minimumVersion: 1,
  fields: [
    p('outport', u8, {
      bits: [
        { name: 'INIT', bit: 0, doc: 'resets when it rises' },
        { name: 'A20', bit: 1, doc: 'address line 20 is let through' }
      ]
    })
  ]
};

const INIT = 1;

export class Port92 implements Port92State, Device {
  readonly idstr = 'port92';
  readonly vmsd = vmstate_port92_isa;
  outport = 0;

  /**
   * @param a20 1 lets address line 20 through
   * @param resetRequest resets the machine
   */
  constructor({ ports }: DeviceHost, a20: Irq, resetRequest: () => void) {
    const region = MemoryRegion.io('port92', 1, {
      impl: { min: 1, max: 1 },
      read: () => this.outport,
      write: (_at, value) => {
        const rises = (value & ~this.outport & INIT) !== 0;
        this.outport = value;
        a20((value >> 1) & 1);
        if (rises) resetRequest();
      }
    });
    ports.register(0x92, region);
  }

  reset(): void {
    this.outport &= ~INIT;
  }
}
