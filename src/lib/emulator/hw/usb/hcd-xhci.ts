/** xHCI, USB 3. Source: QEMU hw/usb/hcd-xhci.c, hw/usb/hcd-xhci-pci.c; xHCI 1.2. */
import { fieldsOf, struct, type Codec, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, bool, i64, timer, u32, u64, u8 } from '../../../vmstate/vmstate-types.ts';
import { sectionEndsAt } from '../core/section-end.ts';
import { msix_nr_vectors, vmstate_msix, type MSIXDevice } from '../pci/msix.ts';
import { pcieDevice, type PCIDevice } from '../pci/pci.ts';

const XHCI_MAXSLOTS = 64;
const XHCI_MAXPORTS = 30;
/** Without MSI-X there is one interrupter. */
const DEFAULT_INTERRUPTERS = 16;
/** QEMU's default: four ports of USB 2 and four of USB 3. */
const DEFAULT_PORTS = 8;
const EV_QUEUE = (3 * 24 + 16) * XHCI_MAXSLOTS;

interface XHCIEvent {
  type: number;
  ccode: number;
  ptr: bigint;
  length: number;
  flags: number;
  slotid: number;
  epid: number;
}
interface XHCIInterrupter {
  iman: number;
  imod: number;
  erstsz: number;
  erstba_low: number;
  erstba_high: number;
  erdp_low: number;
  erdp_high: number;
  msix_used: boolean;
  er_pcs: boolean;
  er_start: bigint;
  er_size: number;
  er_ep_idx: number;
  er_full_unused: boolean;
  ev_buffer_put: number;
  ev_buffer_get: number;
  ev_buffer: XHCIEvent[];
}
interface XHCIState {
  ports: { portsc: number }[];
  slots: { enabled: boolean; addressed: boolean }[];
  intr: XHCIInterrupter[];
  usbcmd: number;
  usbsts: number;
  dnctrl: number;
  crcr_low: number;
  crcr_high: number;
  dcbaap_low: number;
  dcbaap_high: number;
  config: number;
  mfindex_start: bigint;
  mfwrap_timer: bigint;
  cmd_ring: { dequeue: bigint; ccs: boolean };
}
export interface XHCIPciState {
  parent_obj: MSIXDevice;
  xhci: XHCIState;
}

const p = fieldsOf<XHCIState['ports'][number]>();
const port = struct<XHCIState['ports'][number]>({
  name: 'xhci-port',
  version: 1,
  minimumVersion: 0,
  fields: [
    p('portsc', u32, {
      radix: 16,
      bits: [
        { name: 'CCS', bit: 0, doc: 'a device is there' },
        { name: 'PED', bit: 1, doc: 'enabled' },
        { name: 'OCA', bit: 3 },
        { name: 'PR', bit: 4, doc: 'in reset' },
        {
          name: 'PLS',
          bit: 5,
          width: 4,
          doc: 'link state',
          values: { 0: 'U0', 3: 'U3', 4: 'disabled', 5: 'RxDetect', 7: 'polling', 8: 'recovery', 15: 'resume' }
        },
        { name: 'PP', bit: 9, doc: 'power' },
        { name: 'SPEED', bit: 10, width: 4, values: { 0: 'none', 1: 'full', 2: 'low', 3: 'high', 4: 'super' } },
        { name: 'CSC', bit: 17 },
        { name: 'PEC', bit: 18 },
        { name: 'WRC', bit: 19 },
        { name: 'OCC', bit: 20 },
        { name: 'PRC', bit: 21 },
        { name: 'PLC', bit: 22 }
      ]
    })
  ]
});

const s = fieldsOf<XHCIState['slots'][number]>();
const slot = struct<XHCIState['slots'][number]>({
  name: 'xhci-slot',
  version: 1,
  minimumVersion: 0,
  fields: [s('enabled', bool), s('addressed', bool)]
});

const ev = fieldsOf<XHCIEvent>();
const event = struct<XHCIEvent>({
  name: 'xhci-event',
  version: 1,
  minimumVersion: 0,
  fields: [
    ev('type', u32),
    ev('ccode', u32),
    ev('ptr', u64, { pointer: 'gpa', radix: 16 }),
    ev('length', u32),
    ev('flags', u32),
    ev('slotid', u8),
    ev('epid', u8)
  ]
});

const isFull = (i: XHCIInterrupter): boolean => i.er_full_unused;
const i = fieldsOf<XHCIInterrupter>();
const interrupter = struct<XHCIInterrupter>({
  name: 'xhci-intr',
  version: 1,
  minimumVersion: 0,
  fields: [
    i('iman', u32, {
      bits: [
        { name: 'IP', bit: 0, doc: 'pending' },
        { name: 'IE', bit: 1, doc: 'enabled' }
      ]
    }),
    i('imod', u32, { doc: 'Moderation, in units of 250 ns' }),
    i('erstsz', u32, { doc: 'Segments of the event ring' }),
    i('erstba_low', u32, { doc: 'Segment table', pointer: 'gpa', radix: 16 }),
    i('erstba_high', u32, { radix: 16 }),
    i('erdp_low', u32, { doc: 'Where the driver reads, and bit 3: busy', pointer: 'gpa', radix: 16 }),
    i('erdp_high', u32, { radix: 16 }),
    i('msix_used', bool),
    i('er_pcs', bool, { doc: 'Producer cycle state' }),
    i('er_start', u64, { doc: 'Event ring', pointer: 'gpa', radix: 16 }),
    i('er_size', u32, { doc: 'Events in the ring' }),
    i('er_ep_idx', u32, { doc: 'Where the device writes' }),
    i('er_full_unused', bool),
    i('ev_buffer_put', u32, { when: isFull }),
    i('ev_buffer_get', u32, { when: isFull }),
    i('ev_buffer', arrayOf(event, EV_QUEUE), { when: isFull, since: 1 })
  ]
});

/** Bytes that an interrupter with no events in waiting takes, and those behind the interrupters. */
const INTERRUPTER_SIZE = 47;
const REST_SIZE = 57;

/** How many ports there are is not sent: the number that leads to the end of the section. */
const ports = (interrupters: number): Codec<XHCIState['ports']> => ({
  type: port.type,
  read(file, into, place) {
    const rest = 2 * XHCI_MAXSLOTS + INTERRUPTER_SIZE * interrupters + REST_SIZE;
    let count = 1;
    while (count <= XHCI_MAXPORTS && !sectionEndsAt(file, 4 * count + rest)) count++;
    return arrayOf(port, count > XHCI_MAXPORTS ? DEFAULT_PORTS : count).read(file, into, place);
  },
  write: (file, value) => value.forEach((v) => port.write(file, v))
});

const x = fieldsOf<XHCIState>();
const core = (interrupters: number): VMStateDescription<XHCIState> => ({
  name: 'xhci-core',
  version: 1,
  minimumVersion: 0,
  fields: [
    x('ports', ports(interrupters), 1),
    x('slots', arrayOf(slot, XHCI_MAXSLOTS), 1),
    x('intr', arrayOf(interrupter, interrupters), 1),
    x('usbcmd', u32, {
      bits: [
        { name: 'RS', bit: 0, doc: 'run' },
        { name: 'HCRST', bit: 1 },
        { name: 'INTE', bit: 2 },
        { name: 'HSEE', bit: 3 },
        { name: 'CSS', bit: 8 },
        { name: 'CRS', bit: 9 },
        { name: 'EWE', bit: 10 }
      ]
    }),
    x('usbsts', u32, {
      bits: [
        { name: 'HCH', bit: 0, doc: 'halted' },
        { name: 'HSE', bit: 2 },
        { name: 'EINT', bit: 3 },
        { name: 'PCD', bit: 4 },
        { name: 'SSS', bit: 8 },
        { name: 'RSS', bit: 9 },
        { name: 'SRE', bit: 10 },
        { name: 'CNR', bit: 11 },
        { name: 'HCE', bit: 12 }
      ]
    }),
    x('dnctrl', u32, { radix: 16 }),
    x('crcr_low', u32, {
      bits: [
        { name: 'RCS', bit: 0 },
        { name: 'CS', bit: 1 },
        { name: 'CA', bit: 2 },
        { name: 'CRR', bit: 3, doc: 'the command ring runs' }
      ],
      radix: 16
    }),
    x('crcr_high', u32, { radix: 16 }),
    x('dcbaap_low', u32, { doc: 'Array of device contexts', pointer: 'gpa', radix: 16 }),
    x('dcbaap_high', u32, { radix: 16 }),
    x('config', u32, { bits: [{ name: 'MaxSlotsEn', bit: 0, width: 8 }] }),
    x('mfindex_start', i64, { doc: 'When microframe 0 was', unit: 'ns', clock: true }),
    x('mfwrap_timer', timer, { unit: 'ns', clock: true }),
    x(
      'cmd_ring',
      struct<XHCIState['cmd_ring']>({
        name: 'xhci-ring',
        version: 1,
        minimumVersion: 0,
        fields: [
          ring('dequeue', u64, { doc: 'Next command', pointer: 'gpa', radix: 16 }),
          ring('ccs', bool, { doc: 'Consumer cycle state' })
        ]
      }),
      1
    )
  ]
});

const ring = fieldsOf<XHCIState['cmd_ring']>();
const d = fieldsOf<XHCIPciState>();
export const vmstate_xhci_pci: VMStateDescription<XHCIPciState> = {
  name: 'xhci',
  version: 1,
  minimumVersion: 0,
  fields: [
    d('parent_obj', pcieDevice() as Codec<PCIDevice> as Codec<MSIXDevice>, { name: 'parent_obj[0]' }),
    d('parent_obj', struct(vmstate_msix), { name: 'parent_obj[1]' }),
    d('xhci', (state) => struct(core(msix_nr_vectors(state.parent_obj.config) || DEFAULT_INTERRUPTERS)), 1)
  ]
};
