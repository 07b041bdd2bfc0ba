/** EHCI, USB 2. Source: QEMU hw/usb/hcd-ehci.c, hw/usb/hcd-ehci-pci.c; EHCI 1.0. */
import { fieldsOf, struct, type Bits, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { timer, u32, u64 } from '../../../vmstate/vmstate-types.ts';
import { reg8 } from '../core/register.ts';
import { pciDevice, type PCIDevice } from '../pci/pci.ts';

interface EHCIState {
  usbcmd: number;
  usbsts: number;
  usbsts_pending: number;
  usbsts_frindex: number;
  usbintr: number;
  frindex: number;
  ctrldssegment: number;
  periodiclistbase: number;
  asynclistaddr: number;
  configflag: number;
  portsc: number[];
  frame_timer: bigint;
  last_run_ns: bigint;
  async_stepdown: number;
  astate: number;
  pstate: number;
  a_fetch_addr: number;
  p_fetch_addr: number;
}
export interface EHCIPCIState {
  pcidev: PCIDevice;
  ehci: EHCIState;
}

const INTERRUPTS: readonly Bits[] = [
  { name: 'INT', bit: 0 },
  { name: 'ERRINT', bit: 1 },
  { name: 'PCD', bit: 2, doc: 'port changed' },
  { name: 'FLR', bit: 3 },
  { name: 'HSE', bit: 4, doc: 'host system error' },
  { name: 'IAA', bit: 5, doc: 'async advance' }
];
const STATUS: readonly Bits[] = [
  ...INTERRUPTS,
  { name: 'HALT', bit: 12 },
  { name: 'REC', bit: 13 },
  { name: 'PSS', bit: 14, doc: 'periodic schedule runs' },
  { name: 'ASS', bit: 15, doc: 'asynchronous schedule runs' }
];
const PORT: readonly Bits[] = [
  { name: 'CONNECT', bit: 0 },
  { name: 'CSC', bit: 1 },
  { name: 'PED', bit: 2, doc: 'enabled' },
  { name: 'PEDC', bit: 3 },
  { name: 'SUSPEND', bit: 7 },
  { name: 'PRESET', bit: 8 },
  { name: 'LINESTAT', bit: 10, width: 2 },
  { name: 'PPOWER', bit: 12 },
  { name: 'POWNER', bit: 13, doc: 'belongs to the USB 1 companion' }
];
const SCHEDULE: Readonly<Record<number, string>> = {
  1000: 'inactive',
  1001: 'active',
  1002: 'executing',
  1003: 'sleeping',
  1004: 'waiting for a list head',
  1005: 'fetch entry',
  1006: 'fetch qH',
  1007: 'fetch iTD',
  1008: 'fetch siTD',
  1009: 'advance queue',
  1010: 'fetch qTD',
  1011: 'execute',
  1012: 'write back',
  1013: 'horizontal qH'
};

const e = fieldsOf<EHCIState>();
const vmstate_ehci: VMStateDescription<EHCIState> = {
  name: 'ehci-core',
  version: 2,
  minimumVersion: 1,
  fields: [
    e('usbcmd', u32, {
      bits: [
        { name: 'RUNSTOP', bit: 0 },
        { name: 'HCRESET', bit: 1 },
        { name: 'FLS', bit: 2, width: 2, values: { 0: '1024 entries', 1: '512 entries', 2: '256 entries' } },
        { name: 'PSE', bit: 4 },
        { name: 'ASE', bit: 5 },
        { name: 'IAAD', bit: 6 },
        { name: 'LHCR', bit: 7 },
        { name: 'ITC', bit: 16, width: 8, doc: 'interrupt threshold, in units of 125 us' }
      ]
    }),
    e('usbsts', u32, { bits: STATUS }),
    e('usbsts_pending', u32, { since: 2, bits: STATUS }),
    e('usbsts_frindex', u32, 2),
    e('usbintr', u32, { bits: INTERRUPTS }),
    e('frindex', u32, { doc: 'Microframe', clock: true }),
    e('ctrldssegment', u32, { radix: 16 }),
    e('periodiclistbase', u32, { doc: 'Periodic frame list', pointer: 'gpa', radix: 16 }),
    e('asynclistaddr', u32, { doc: 'Asynchronous list', pointer: 'gpa', radix: 16 }),
    e('configflag', u32, { values: { 0: 'ports belong to companions', 1: 'ports belong to EHCI' } }),
    e('portsc[0]', u32, { bits: PORT }),
    e('portsc[1]', u32, { bits: PORT }),
    e('portsc[2]', u32, { bits: PORT }),
    e('portsc[3]', u32, { bits: PORT }),
    e('portsc[4]', u32, { bits: PORT }),
    e('portsc[5]', u32, { bits: PORT }),
    e('frame_timer', timer, { unit: 'ns', clock: true }),
    e('last_run_ns', u64, { unit: 'ns', clock: true }),
    e('async_stepdown', u32),
    e('astate', u32, { doc: 'Asynchronous schedule', values: SCHEDULE }),
    e('pstate', u32, { doc: 'Periodic schedule', values: SCHEDULE }),
    e('a_fetch_addr', u32, { pointer: 'gpa', radix: 16 }),
    e('p_fetch_addr', u32, { pointer: 'gpa', radix: 16 })
  ]
};

const d = fieldsOf<EHCIPCIState>();
export const vmstate_ehci_pci: VMStateDescription<EHCIPCIState> = {
  name: 'ehci',
  version: 2,
  minimumVersion: 1,
  fields: [
    d('pcidev', pciDevice([reg8(0x60, 'SBRN', { doc: 'USB release', radix: 16 }), reg8(0x61, 'FLADJ')])),
    d('ehci', struct(vmstate_ehci), 2)
  ]
};
