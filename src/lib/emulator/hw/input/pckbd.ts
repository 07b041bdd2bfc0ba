/** The keyboard controller, an 8042. Source: QEMU hw/input/pckbd.c; IBM PS/2 technical reference, keyboard controller. */
import { fieldsOf, struct, type Bits, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { u32, u8 } from '../../../vmstate/vmstate-types.ts';

interface KBDState {
  write_cmd: number;
  status: number;
  mode: number;
  pending_tmp: number;
  outport: number;
  migration_flags: number;
  obsrc: number;
  obdata: number;
  cbdata: number;
}
export interface ISAKBDState {
  kbd: KBDState;
}

/** Commands at port 0x64. */
const COMMANDS: Readonly<Record<number, string>> = {
  0x00: 'none',
  0x20: 'READ_MODE',
  0x60: 'WRITE_MODE',
  0xa7: 'MOUSE_DISABLE',
  0xa8: 'MOUSE_ENABLE',
  0xa9: 'TEST_MOUSE',
  0xaa: 'SELF_TEST',
  0xab: 'KBD_TEST',
  0xad: 'KBD_DISABLE',
  0xae: 'KBD_ENABLE',
  0xc0: 'READ_INPORT',
  0xd0: 'READ_OUTPORT',
  0xd1: 'WRITE_OUTPORT',
  0xd2: 'WRITE_OBUF',
  0xd3: 'WRITE_AUX_OBUF',
  0xd4: 'WRITE_MOUSE',
  0xdd: 'DISABLE_A20',
  0xdf: 'ENABLE_A20',
  0xfe: 'RESET'
};
const OUTPORT: readonly Bits[] = [
  { name: 'RESET', bit: 0, doc: '0 resets the processor' },
  { name: 'A20', bit: 1 },
  { name: 'OBF', bit: 4, doc: 'keyboard interrupt' },
  { name: 'MOUSE_OBF', bit: 5, doc: 'mouse interrupt' }
];

const kbd = fieldsOf<KBDState>();
const vmstate_kbd: VMStateDescription<KBDState> = {
  name: 'pckbd',
  version: 3,
  minimumVersion: 3,
  fields: [
    kbd('write_cmd', u8, { doc: 'Command that the next byte at port 0x60 belongs to', values: COMMANDS, radix: 16 }),
    kbd('status', u8, {
      doc: 'Port 0x64',
      bits: [
        { name: 'OBF', bit: 0, doc: 'a byte waits at port 0x60' },
        { name: 'IBF', bit: 1 },
        { name: 'SELFTEST', bit: 2, doc: 'self test passed' },
        { name: 'CMD', bit: 3, doc: 'the last write was a command' },
        { name: 'UNLOCKED', bit: 4 },
        { name: 'MOUSE_OBF', bit: 5, doc: 'the byte comes from the mouse' },
        { name: 'GTO', bit: 6 },
        { name: 'PERR', bit: 7 }
      ]
    }),
    kbd('mode', u8, {
      doc: 'Controller command byte',
      bits: [
        { name: 'KBD_INT', bit: 0, doc: 'IRQ 1 on' },
        { name: 'MOUSE_INT', bit: 1, doc: 'IRQ 12 on' },
        { name: 'SYS', bit: 2 },
        { name: 'NO_KEYLOCK', bit: 3 },
        { name: 'DISABLE_KBD', bit: 4 },
        { name: 'DISABLE_MOUSE', bit: 5 },
        { name: 'KCC', bit: 6, doc: 'scan codes are translated to set 1' }
      ]
    }),
    kbd('pending_tmp', u8, {
      doc: 'Who has a byte for the guest',
      bits: [
        { name: 'KBD_COMPAT', bit: 0 },
        { name: 'AUX_COMPAT', bit: 1 },
        { name: 'CTRL_KBD', bit: 2 },
        { name: 'CTRL_AUX', bit: 3 },
        { name: 'KBD', bit: 4 },
        { name: 'AUX', bit: 5 }
      ]
    })
  ],
  subsections: [
    { name: 'pckbd_outport', version: 1, minimumVersion: 1, fields: [kbd('outport', u8, { bits: OUTPORT })] },
    {
      name: 'pckbd/extended_state',
      version: 0,
      minimumVersion: 0,
      fields: [
        kbd('migration_flags', u32, { bits: [{ name: 'TIMER_PENDING', bit: 0, doc: 'a throttled interrupt is due' }] }),
        kbd('obsrc', u32, {
          doc: 'Where the byte at port 0x60 comes from',
          bits: [
            { name: 'KBD', bit: 0 },
            { name: 'MOUSE', bit: 1 },
            { name: 'CTRL', bit: 2 }
          ]
        }),
        kbd('obdata', u8, { doc: 'The byte at port 0x60', radix: 16 }),
        kbd('cbdata', u8, { doc: 'Reply of the controller itself', radix: 16 })
      ]
    }
  ]
};

const isa = fieldsOf<ISAKBDState>();
export const vmstate_kbd_isa: VMStateDescription<ISAKBDState> = {
  name: 'pckbd',
  version: 3,
  minimumVersion: 3,
  fields: [isa('kbd', struct(vmstate_kbd))]
};
