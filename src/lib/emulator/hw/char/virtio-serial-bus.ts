/** The virtio console and its ports. Source: QEMU hw/char/virtio-serial-bus.c; virtio 1.2 section 5.3. */
import { fieldsOf, struct } from '../../../vmstate/vmstate.ts';
import { arrayOf, u16, u32, u64, u8 } from '../../../vmstate/vmstate-types.ts';
import { reg16, reg32 } from '../core/register.ts';
import { virtioSection } from '../virtio/virtio-bus.ts';
import { virtQueueElement, type VirtQueueElement, type VirtIODevice } from '../virtio/virtio.ts';

export interface VirtIOSerialPort {
  id: number;
  guest_connected: number;
  host_connected: number;
  elem_popped: number;
  iov_idx: number;
  iov_offset: bigint;
  elem: VirtQueueElement;
}
export interface VirtIOSerial extends VirtIODevice {
  cols: number;
  rows: number;
  max_nr_ports: number;
  ports_map: number[];
  nr_active_ports: number;
  ports: VirtIOSerialPort[];
}

const p = fieldsOf<VirtIOSerialPort>();
const port = struct<VirtIOSerialPort>({
  name: 'VirtIOSerialPort',
  version: 0,
  minimumVersion: 0,
  fields: [
    p('id', u32),
    p('guest_connected', u8, { values: { 0: 'closed', 1: 'open' } }),
    p('host_connected', u8, { values: { 0: 'closed', 1: 'open' } }),
    p('elem_popped', u32, { doc: 'A buffer of the guest is half sent' }),
    p('iov_idx', u32, { when: (s) => s.elem_popped !== 0 }),
    p('iov_offset', u64, { when: (s) => s.elem_popped !== 0, unit: 'bytes' }),
    p('elem', virtQueueElement, { when: (s) => s.elem_popped !== 0 })
  ]
});

const d = fieldsOf<VirtIOSerial>();
export const vmstate_virtio_console = virtioSection<VirtIOSerial>({
  name: 'virtio-console',
  version: 3,
  features: [
    { name: 'SIZE', bit: 0 },
    { name: 'MULTIPORT', bit: 1 },
    { name: 'EMERG_WRITE', bit: 2 }
  ],
  config: [reg16(0, 'cols'), reg16(2, 'rows'), reg32(4, 'max_nr_ports'), reg32(8, 'emerg_wr')],
  fields: [
    d('cols', u16, { doc: 'Ignored when loaded' }),
    d('rows', u16, { doc: 'Ignored when loaded' }),
    d('max_nr_ports', u32),
    d('ports_map', (s) => arrayOf(u32, Math.ceil(s.max_nr_ports / 32)), {
      doc: 'Ports that there are, a bit each; the receiver must have the same',
      radix: 16
    }),
    d('nr_active_ports', u32, {
      check: (s) =>
        s.nr_active_ports > s.max_nr_ports ? `${s.nr_active_ports} ports of at most ${s.max_nr_ports}` : undefined
    }),
    d('ports', (s) => arrayOf(port, s.nr_active_ports))
  ]
});
