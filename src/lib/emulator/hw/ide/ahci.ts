/** AHCI: six SATA ports with command lists in guest memory. Source: QEMU hw/ide/ahci.c, hw/ide/ich.c; AHCI 1.3. */
import { fieldsOf, struct, type Bits, type Meaning, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, bool, i32, u32, u64, u8 } from '../../../vmstate/vmstate-types.ts';
import { pciDevice, type PCIDevice } from '../pci/pci.ts';
import { ideBus, ideDrive, type IDEBus } from './core.ts';

const AHCI_MAX_CMDS = 32;
/** The number is not sent before the ports are; every AHCI of a PC has so many. */
const AHCI_PORTS = 6;

interface NCQTransferState {
  sector_count: number;
  lba: bigint;
  tag: number;
  cmd: number;
  slot: number;
  used: boolean;
  halt: boolean;
}
interface AHCIPortRegs {
  lst_addr: number;
  lst_addr_hi: number;
  fis_addr: number;
  fis_addr_hi: number;
  irq_stat: number;
  irq_mask: number;
  cmd: number;
  tfdata: number;
  sig: number;
  scr_stat: number;
  scr_ctl: number;
  scr_err: number;
  scr_act: number;
  cmd_issue: number;
}
interface AHCIDevice {
  port: IDEBus;
  port_state: number;
  finished: number;
  port_regs: AHCIPortRegs;
  done_first_drq: boolean;
  busy_slot: number;
  init_d2h_sent: boolean;
  ncq_tfs: NCQTransferState[];
}
interface AHCIState {
  dev: AHCIDevice[];
  control_regs: { cap: number; ghc: number; irqstatus: number; impl: number; version: number };
  idp_index: number;
  ports: number;
}
export interface AHCIPCIState {
  parent_obj: PCIDevice;
  ahci: AHCIState;
}

const ncq = fieldsOf<NCQTransferState>();
const ncqState = struct<NCQTransferState>({
  name: 'ncq state',
  version: 1,
  minimumVersion: 0,
  fields: [
    ncq('sector_count', u32, { unit: 'sectors' }),
    ncq('lba', u64, { unit: 'sectors' }),
    ncq('tag', u8),
    ncq('cmd', u8, { values: { 0x60: 'READ FPDMA QUEUED', 0x61: 'WRITE FPDMA QUEUED' } }),
    ncq('slot', u8),
    ncq('used', bool, { doc: 'The command is under way' }),
    ncq('halt', bool, { doc: 'It failed and is tried again when the machine goes on' })
  ]
});

const IRQ_BITS: readonly Bits[] = [
  { name: 'DHRS', bit: 0, doc: 'register FIS received' },
  { name: 'PSS', bit: 1, doc: 'PIO setup FIS' },
  { name: 'DSS', bit: 2, doc: 'DMA setup FIS' },
  { name: 'SDBS', bit: 3, doc: 'set device bits FIS' },
  { name: 'UFS', bit: 4, doc: 'unknown FIS' },
  { name: 'DPS', bit: 5, doc: 'descriptor processed' },
  { name: 'PCS', bit: 6, doc: 'connection changed' },
  { name: 'DMPS', bit: 7 },
  { name: 'PRCS', bit: 22 },
  { name: 'IPMS', bit: 23 },
  { name: 'OFS', bit: 24 },
  { name: 'INFS', bit: 26 },
  { name: 'IFS', bit: 27 },
  { name: 'HBDS', bit: 28 },
  { name: 'HBFS', bit: 29 },
  { name: 'TFES', bit: 30, doc: 'task file error' },
  { name: 'CPDS', bit: 31 }
];
/** One bit for each command slot. */
const SLOTS: Meaning = { doc: 'A bit for each command slot', radix: 16 };

const port = fieldsOf<AHCIDevice>();
const ahciPort = struct<AHCIDevice>({
  name: 'ahci port',
  version: 1,
  minimumVersion: 0,
  fields: [
    port('port', ideBus),
    port('port.ifs[0]', ideDrive),
    port('port_state', u32, { values: { 0: 'running', 1: 'in reset' } }),
    port('finished', u32, SLOTS),
    port('port_regs.lst_addr', u32, { doc: 'Command list', pointer: 'gpa', radix: 16 }),
    port('port_regs.lst_addr_hi', u32, { radix: 16 }),
    port('port_regs.fis_addr', u32, { doc: 'Where received FIS go', pointer: 'gpa', radix: 16 }),
    port('port_regs.fis_addr_hi', u32, { radix: 16 }),
    port('port_regs.irq_stat', u32, { bits: IRQ_BITS }),
    port('port_regs.irq_mask', u32, { bits: IRQ_BITS }),
    port('port_regs.cmd', u32, {
      radix: 16,
      bits: [
        { name: 'START', bit: 0, doc: 'the command list is worked on' },
        { name: 'SPIN_UP', bit: 1 },
        { name: 'POWER_ON', bit: 2 },
        { name: 'CLO', bit: 3 },
        { name: 'FIS_RX', bit: 4 },
        { name: 'CCS', bit: 8, width: 5, doc: 'slot of the current command' },
        { name: 'FIS_ON', bit: 14 },
        { name: 'LIST_ON', bit: 15 },
        { name: 'ATAPI', bit: 24 },
        { name: 'ICC', bit: 28, width: 4, values: { 0: 'idle', 1: 'active', 2: 'partial', 6: 'slumber' } }
      ]
    }),
    port('port_regs.tfdata', u32, {
      radix: 16,
      bits: [
        { name: 'ERR', bit: 0 },
        { name: 'DRQ', bit: 3 },
        { name: 'READY', bit: 6 },
        { name: 'BUSY', bit: 7 },
        { name: 'error', bit: 8, width: 8 }
      ]
    }),
    port('port_regs.sig', u32, {
      radix: 16,
      values: { 0x00000101: 'disk', 0xeb140101: 'ATAPI', 0xffffffff: 'none' }
    }),
    port('port_regs.scr_stat', u32, {
      radix: 16,
      bits: [
        {
          name: 'DET',
          bit: 0,
          width: 4,
          values: { 0: 'no drive', 1: 'drive, no link', 3: 'drive and link', 4: 'off' }
        },
        { name: 'SPD', bit: 4, width: 4, values: { 0: 'none', 1: '1.5 Gbit/s', 2: '3 Gbit/s', 3: '6 Gbit/s' } },
        { name: 'IPM', bit: 8, width: 4, values: { 0: 'none', 1: 'active', 2: 'partial', 6: 'slumber' } }
      ]
    }),
    port('port_regs.scr_ctl', u32, {
      radix: 16,
      bits: [
        { name: 'DET', bit: 0, width: 4, values: { 0: 'nothing', 1: 'reset', 4: 'off' } },
        { name: 'SPD', bit: 4, width: 4 },
        { name: 'IPM', bit: 8, width: 4 }
      ]
    }),
    port('port_regs.scr_err', u32, { radix: 16 }),
    port('port_regs.scr_act', u32, { ...SLOTS, doc: 'Queued (NCQ) commands under way, a bit for each tag' }),
    port('port_regs.cmd_issue', u32, { ...SLOTS, doc: 'Commands given and not finished, a bit for each slot' }),
    port('done_first_drq', bool),
    port('busy_slot', i32, { doc: 'Slot whose command is under way, -1 when none' }),
    port('init_d2h_sent', bool, { doc: 'The drive has sent its signature' }),
    port('ncq_tfs', arrayOf(ncqState, AHCI_MAX_CMDS), { since: 1, doc: 'Queued commands by tag' })
  ]
});

const ahci = fieldsOf<AHCIState>();
const vmstate_ahci: VMStateDescription<AHCIState> = {
  name: 'ahci',
  version: 1,
  minimumVersion: 0,
  fields: [
    ahci('dev', arrayOf(ahciPort, AHCI_PORTS)),
    ahci('control_regs.cap', u32, {
      radix: 16,
      bits: [
        { name: 'NP', bit: 0, width: 5, doc: 'ports less one' },
        { name: 'NCS', bit: 8, width: 5, doc: 'command slots less one' },
        { name: 'SSC', bit: 14 },
        { name: 'AHCI', bit: 18 },
        { name: 'ISS', bit: 20, width: 4, doc: 'link generation' },
        { name: 'CLO', bit: 24 },
        { name: 'SSS', bit: 27 },
        { name: 'NCQ', bit: 30 },
        { name: '64', bit: 31, doc: '64-bit addresses' }
      ]
    }),
    ahci('control_regs.ghc', u32, {
      radix: 16,
      bits: [
        { name: 'RESET', bit: 0 },
        { name: 'IRQ_EN', bit: 1 },
        { name: 'AHCI_EN', bit: 31 }
      ]
    }),
    ahci('control_regs.irqstatus', u32, { doc: 'A bit for each port', radix: 16 }),
    ahci('control_regs.impl', u32, { doc: 'Ports that there are, a bit each', radix: 16 }),
    ahci('control_regs.version', u32, { radix: 16, values: { 0x10000: '1.0', 0x10100: '1.1', 0x10300: '1.3' } }),
    ahci('idp_index', u32, { doc: 'Register that the index-data port shows', radix: 16 }),
    ahci(
      'ports',
      { ...u32, type: 'uint32 equal' },
      {
        check: (s) => (s.ports === AHCI_PORTS ? undefined : `${s.ports} ports where the controller has ${AHCI_PORTS}`)
      }
    )
  ]
};

const d = fieldsOf<AHCIPCIState>();
export const vmstate_ich9_ahci: VMStateDescription<AHCIPCIState> = {
  name: 'ich9_ahci',
  version: 1,
  minimumVersion: 0,
  fields: [d('parent_obj', pciDevice()), d('ahci', struct(vmstate_ahci))]
};
