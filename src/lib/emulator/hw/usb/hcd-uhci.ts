/** UHCI, USB 1. Source: QEMU hw/usb/hcd-uhci.c; Intel UHCI design guide 1.1. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, i64, timer, u16, u32, u8 } from '../../../vmstate/vmstate-types.ts';
import { reg16, reg8 } from '../core/register.ts';
import { pciDevice, type PCIDevice } from '../pci/pci.ts';

const UHCI_PORTS = 2;

export interface UHCIState {
  dev: PCIDevice;
  num_ports_vmstate: number;
  ports: { ctrl: number }[];
  cmd: number;
  status: number;
  intr: number;
  frnum: number;
  fl_base_addr: number;
  sof_timing: number;
  status2: number;
  frame_timer: bigint;
  expire_time: bigint;
  pending_int_mask: number;
}

const p = fieldsOf<{ ctrl: number }>();
const port = struct<{ ctrl: number }>({
  name: 'uhci port',
  version: 1,
  minimumVersion: 1,
  fields: [
    p('ctrl', u16, {
      bits: [
        { name: 'CCS', bit: 0, doc: 'a device is there' },
        { name: 'CSC', bit: 1, doc: 'it came or went' },
        { name: 'EN', bit: 2 },
        { name: 'ENC', bit: 3 },
        { name: 'LINE', bit: 4, width: 2 },
        { name: 'RD', bit: 6, doc: 'resume' },
        { name: 'LSDA', bit: 8, doc: 'low speed' },
        { name: 'RESET', bit: 9 },
        { name: 'SUSPEND', bit: 12 }
      ]
    })
  ]
});

const d = fieldsOf<UHCIState>();
export const vmstate_uhci: VMStateDescription<UHCIState> = {
  name: 'uhci',
  version: 3,
  minimumVersion: 1,
  fields: [
    d('dev', pciDevice([reg8(0x60, 'SBRN', { doc: 'USB release', radix: 16 }), reg16(0xc0, 'LEGSUP', { radix: 16 })])),
    d(
      'num_ports_vmstate',
      { ...u8, type: 'uint8 equal' },
      {
        check: (s) =>
          s.num_ports_vmstate === UHCI_PORTS ? undefined : `${s.num_ports_vmstate} ports, not ${UHCI_PORTS}`
      }
    ),
    d('ports', arrayOf(port, UHCI_PORTS), 1),
    d('cmd', u16, {
      bits: [
        { name: 'RS', bit: 0, doc: 'run' },
        { name: 'HCRESET', bit: 1 },
        { name: 'GRESET', bit: 2 },
        { name: 'EGSM', bit: 3 },
        { name: 'FGR', bit: 4 },
        { name: 'CF', bit: 6, doc: 'configured' },
        { name: 'MAXP', bit: 7 }
      ]
    }),
    d('status', u16, {
      bits: [
        { name: 'USBINT', bit: 0 },
        { name: 'USBERR', bit: 1 },
        { name: 'RD', bit: 2 },
        { name: 'HSERR', bit: 3 },
        { name: 'HCPERR', bit: 4 },
        { name: 'HCHALTED', bit: 5 }
      ]
    }),
    d('intr', u16, {
      bits: [
        { name: 'TIMEOUT', bit: 0 },
        { name: 'RESUME', bit: 1 },
        { name: 'IOC', bit: 2, doc: 'on completion' },
        { name: 'SHORT', bit: 3 }
      ]
    }),
    d('frnum', u16, { doc: 'Frame number, ms', clock: true }),
    d('fl_base_addr', u32, { doc: 'Frame list', pointer: 'gpa', radix: 16 }),
    d('sof_timing', u8),
    d('status2', u8, { doc: 'Interrupts by transfer descriptors' }),
    d('frame_timer', timer, { unit: 'ns', clock: true }),
    d('expire_time', i64, { since: 2, unit: 'ns', clock: true }),
    d('pending_int_mask', u32, 3)
  ]
};
