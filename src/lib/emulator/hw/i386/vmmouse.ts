/** VMware's absolute mouse, reached through the vmport. Source: QEMU hw/i386/vmmouse.c. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, i32, u16, u32, u8 } from '../../../vmstate/vmstate-types.ts';

const VMMOUSE_QUEUE_SIZE = 1024;

export interface VMMouseState {
  queue_size: number;
  queue: number[];
  nb_queue: number;
  status: number;
  absolute: number;
}
const v = fieldsOf<VMMouseState>();
export const vmstate_vmmouse: VMStateDescription<VMMouseState> = {
  name: 'vmmouse',
  version: 0,
  minimumVersion: 0,
  fields: [
    v(
      'queue_size',
      { ...i32, type: 'int32 equal' },
      {
        check: (s) =>
          s.queue_size === VMMOUSE_QUEUE_SIZE ? undefined : `queue of ${s.queue_size}, not ${VMMOUSE_QUEUE_SIZE}`
      }
    ),
    v('queue', arrayOf(u32, VMMOUSE_QUEUE_SIZE), { doc: 'Packets of four: buttons, x, y, wheel', radix: 16 }),
    v('nb_queue', u16, { doc: 'Words in the queue' }),
    v('status', u16, { values: { 0: 'ready', 0xffff: 'off' }, radix: 16 }),
    v('absolute', u8, { values: { 0: 'relative', 1: 'absolute' } })
  ]
};
