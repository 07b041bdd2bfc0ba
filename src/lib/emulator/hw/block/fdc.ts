/** The floppy controller, an 82078. Source: QEMU hw/block/fdc.c, hw/block/fdc-isa.c; Intel 82078 datasheet. */
import { fieldsOf, struct, type Meaning, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, buffer, i32, timer, TIMER_NOT_ARMED, u32, u8 } from '../../../vmstate/vmstate-types.ts';

const MAX_FD = 2;
const FIFO_SIZE = 512;

export interface FDrive {
  /** Of what runs: a drive is there. A state that was only read sends again what it came with. */
  readonly there?: boolean;
  head: number;
  track: number;
  sect: number;
  media_changed: number;
  media_rate: number;
  perpendicular: number;
}
export interface FDCtrl {
  /** Of what runs: the digital output register without the drive. */
  readonly dor?: number;
  sra: number;
  srb: number;
  dor_vmstate: number;
  tdr: number;
  dsr: number;
  msr: number;
  status0: number;
  status1: number;
  status2: number;
  fifo: Uint8Array;
  data_pos: number;
  data_len: number;
  data_state: number;
  data_dir: number;
  eot: number;
  timer0: number;
  timer1: number;
  precomp_trk: number;
  config: number;
  lock: number;
  pwrd: number;
  num_floppies: number;
  drives: FDrive[];
  reset_sensei: number;
  result_timer: bigint;
  phase: number;
}
export interface FDCtrlISABus {
  state: FDCtrl;
}

const RATE: Readonly<Record<number, string>> = { 0: '500 kbit/s', 1: '300 kbit/s', 2: '250 kbit/s', 3: '1 Mbit/s' };

const drive = fieldsOf<FDrive>();
const vmstate_fdrive: VMStateDescription<FDrive> = {
  name: 'fdrive',
  version: 1,
  minimumVersion: 1,
  fields: [drive('head', u8), drive('track', u8), drive('sect', u8, { doc: 'sector' })],
  subsections: [
    {
      name: 'fdrive/media_changed',
      version: 1,
      minimumVersion: 1,
      needed: (d) => (d.there === undefined ? undefined : d.there && d.media_changed !== 1),
      fields: [drive('media_changed', u8, { doc: 'The guest has not noticed the change of medium' })]
    },
    {
      name: 'fdrive/media_rate',
      version: 1,
      minimumVersion: 1,
      needed: (d) => (d.there === undefined ? undefined : true),
      fields: [drive('media_rate', u8, { values: RATE })]
    },
    {
      name: 'fdrive/perpendicular',
      version: 1,
      minimumVersion: 1,
      needed: (d) => (d.there === undefined ? undefined : d.perpendicular !== 0),
      fields: [drive('perpendicular', u8, { doc: '2.88 MB mode' })]
    }
  ]
};

const DATA_RATE: Meaning = {
  bits: [
    { name: 'DRATE', bit: 0, width: 2, values: RATE },
    { name: 'PRECOMP', bit: 2, width: 3 },
    { name: 'PWRDOWN', bit: 6 },
    { name: 'SWRESET', bit: 7 }
  ]
};

const MSR_NONDMA = 0x20;
const MSR_DIO = 0x40;
const MSR_RQM = 0x80;
/** The phase where the stream does not say it. Source: reconstruct_phase. */
export function reconstructPhase(msr: number): number {
  if (msr & MSR_NONDMA || !(msr & MSR_RQM)) return 2;
  return msr & MSR_DIO ? 3 : 1;
}

const fdc = fieldsOf<FDCtrl>();
const vmstate_fdc: VMStateDescription<FDCtrl> = {
  name: 'fdc',
  version: 2,
  minimumVersion: 2,
  fields: [
    fdc('sra', u8, {
      doc: 'Status register A',
      bits: [
        { name: 'DIR', bit: 0 },
        { name: 'nWP', bit: 1 },
        { name: 'nINDX', bit: 2 },
        { name: 'HDSEL', bit: 3 },
        { name: 'nTRK0', bit: 4 },
        { name: 'STEP', bit: 5 },
        { name: 'nDRV2', bit: 6 },
        { name: 'INTPEND', bit: 7, doc: 'interrupt is asserted' }
      ]
    }),
    fdc('srb', u8, {
      doc: 'Status register B',
      bits: [
        { name: 'MTR0', bit: 0 },
        { name: 'MTR1', bit: 1 },
        { name: 'WGATE', bit: 2 },
        { name: 'RDATA', bit: 3 },
        { name: 'WDATA', bit: 4 },
        { name: 'DR0', bit: 5 }
      ]
    }),
    fdc('dor_vmstate', u8, {
      doc: 'Digital output register',
      bits: [
        { name: 'SEL', bit: 0, width: 2, doc: 'selected drive' },
        { name: 'nRESET', bit: 2, doc: '0 holds the controller in reset' },
        { name: 'DMAEN', bit: 3 },
        { name: 'MOTEN0', bit: 4, doc: 'motor of drive A' },
        { name: 'MOTEN1', bit: 5, doc: 'motor of drive B' },
        { name: 'MOTEN2', bit: 6 },
        { name: 'MOTEN3', bit: 7 }
      ]
    }),
    fdc('tdr', u8, { doc: 'Tape drive register', bits: [{ name: 'BOOTSEL', bit: 2, doc: 'A and B are swapped' }] }),
    fdc('dsr', u8, { doc: 'Data rate select register', ...DATA_RATE }),
    fdc('msr', u8, {
      doc: 'Main status register',
      bits: [
        { name: 'DRV0BUSY', bit: 0 },
        { name: 'DRV1BUSY', bit: 1 },
        { name: 'DRV2BUSY', bit: 2 },
        { name: 'DRV3BUSY', bit: 3 },
        { name: 'CMDBUSY', bit: 4, doc: 'a command is under way' },
        { name: 'NONDMA', bit: 5 },
        { name: 'DIO', bit: 6, values: { 0: 'host to controller', 1: 'controller to host' } },
        { name: 'RQM', bit: 7, doc: 'ready for a byte' }
      ]
    }),
    fdc('status0', u8, {
      bits: [
        { name: 'DS', bit: 0, width: 2, doc: 'drive' },
        { name: 'HEAD', bit: 2 },
        { name: 'EQPMT', bit: 4 },
        { name: 'SEEK', bit: 5 },
        { name: 'IC', bit: 6, width: 2, values: { 0: 'normal', 1: 'abnormal end', 2: 'invalid command', 3: 'polling' } }
      ]
    }),
    fdc('status1', u8, {
      bits: [
        { name: 'MA', bit: 0, doc: 'no address mark' },
        { name: 'NW', bit: 1, doc: 'write-protected' },
        { name: 'EC', bit: 7, doc: 'end of cylinder' }
      ]
    }),
    fdc('status2', u8, {
      bits: [
        { name: 'SNS', bit: 2, doc: 'scan not satisfied' },
        { name: 'SEH', bit: 3, doc: 'scan equal' }
      ]
    }),
    fdc('fifo', buffer(FIFO_SIZE, 'uint8'), { doc: 'Command and parameters, data of one sector, or result' }),
    fdc('data_pos', u32, { unit: 'bytes' }),
    fdc('data_len', u32, { unit: 'bytes' }),
    fdc('data_state', u8, {
      bits: [
        { name: 'MULTI', bit: 0, doc: 'both sides' },
        { name: 'FORMAT', bit: 1 }
      ]
    }),
    fdc('data_dir', u8, {
      values: { 0: 'write', 1: 'read', 2: 'scan equal', 3: 'scan low', 4: 'scan high', 5: 'verify' }
    }),
    fdc('eot', u8, { doc: 'Last sector wanted' }),
    fdc('timer0', u8, { doc: 'Step rate and head unload time, kept to be read back' }),
    fdc('timer1', u8, { doc: 'Head load time and DMA mode, kept to be read back' }),
    fdc('precomp_trk', u8),
    fdc('config', u8, {
      bits: [
        { name: 'FIFOTHR', bit: 0, width: 4, doc: 'FIFO threshold' },
        { name: 'POLL', bit: 4 },
        { name: 'EFIFO', bit: 5, doc: 'FIFO is off' },
        { name: 'EIS', bit: 6, doc: 'implied seeks' }
      ]
    }),
    fdc('lock', u8, { doc: 'A reset leaves the FIFO settings' }),
    fdc('pwrd', u8, { doc: 'Power-down mode' }),
    fdc(
      'num_floppies',
      { ...u8, type: 'uint8 equal' },
      {
        check: (s) => (s.num_floppies === MAX_FD ? undefined : `${s.num_floppies} drives where there are ${MAX_FD}`)
      }
    ),
    fdc('drives', arrayOf(struct(vmstate_fdrive), MAX_FD), 1)
  ],
  subsections: [
    {
      name: 'fdc/reset_sensei',
      version: 1,
      minimumVersion: 1,
      needed: (s) => (s.dor === undefined ? undefined : s.reset_sensei !== 0),
      fields: [fdc('reset_sensei', i32, { doc: 'SENSE INTERRUPT commands still due after a reset' })]
    },
    {
      name: 'fdc/result_timer',
      version: 1,
      minimumVersion: 1,
      needed: (s) => (s.dor === undefined ? undefined : s.result_timer !== TIMER_NOT_ARMED),
      fields: [fdc('result_timer', timer, { unit: 'ns', clock: true, doc: 'End of a READ ID' })]
    },
    {
      name: 'fdc/phase',
      version: 1,
      minimumVersion: 1,
      needed: (s) => (s.dor === undefined ? undefined : s.phase !== reconstructPhase(s.msr)),
      fields: [
        fdc('phase', u8, { values: { 0: 'to be told from the registers', 1: 'command', 2: 'execution', 3: 'result' } })
      ]
    }
  ]
};

const isa = fieldsOf<FDCtrlISABus>();
export const vmstate_isa_fdc: VMStateDescription<FDCtrlISABus> = {
  name: 'fdc',
  version: 2,
  minimumVersion: 2,
  fields: [isa('state', struct(vmstate_fdc))]
};
