/** Port 0x92, "fast A20". Source: QEMU hw/i386/port92.c. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { u8 } from '../../../vmstate/vmstate-types.ts';

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
