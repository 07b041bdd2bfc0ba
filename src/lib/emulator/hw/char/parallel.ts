/** The parallel port. Source: QEMU hw/char/parallel.c; IEEE 1284. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { i32, u8 } from '../../../vmstate/vmstate-types.ts';

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
