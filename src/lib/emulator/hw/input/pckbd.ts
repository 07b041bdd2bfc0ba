/** The keyboard controller, an 8042. Source: QEMU hw/input/pckbd.c; IBM PS/2 technical reference, keyboard controller. */
import { fieldsOf, struct, type Bits, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { u32, u8 } from '../../../vmstate/vmstate-types.ts';
import { MemoryRegion } from '../../system/memory.ts';
import type { Irq } from '../core/irq.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';
import { PS2Keyboard, PS2Mouse, vmstate_ps2_keyboard, vmstate_ps2_mouse } from './ps2.ts';

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

const OUT_ONES = 0xcc;
/** Source: kbd_outport_default. */
const defaultOutport = (status: number): number =>
  0x03 | OUT_ONES | (status & 0x01 ? 0x10 : 0) | (status & 0x20 ? 0x20 : 0);

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
    {
      name: 'pckbd_outport',
      version: 1,
      minimumVersion: 1,
      needed: (s) => s.outport !== undefined && s.outport !== defaultOutport(s.status),
      fields: [kbd('outport', u8, { bits: OUTPORT })]
    },
    {
      name: 'pckbd/extended_state',
      version: 0,
      minimumVersion: 0,
      // Since 5.2 always; a state from before that has no such field.
      needed: (s) => (s.obsrc ?? -1) !== -1,
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

const STAT_OBF = 0x01;
const STAT_MOUSE_OBF = 0x20;
const STAT_SELFTEST = 0x04;
const MODE_KBD_INT = 0x01;
const MODE_MOUSE_INT = 0x02;
const MODE_DISABLE_KBD = 0x10;
const MODE_DISABLE_MOUSE = 0x20;
const MODE_KCC = 0x40;
const OUT_A20 = 0x02;
const OUT_OBF = 0x10;
const OUT_MOUSE_OBF = 0x20;
const OBSRC_KBD = 1;
const OBSRC_MOUSE = 2;
const OBSRC_CTRL = 4;
const PENDING_KBD = 0x10;
const PENDING_AUX = 0x20;
const PENDING_CTRL_KBD = 0x04;
const PENDING_CTRL_AUX = 0x08;
/** Commands whose byte comes at port 0x60. */
const WITH_DATA = new Set([0x60, 0xd1, 0xd2, 0xd3, 0xd4]);

/** What the controller's output port and interrupt lines are wired to. */
export interface I8042Wires {
  readonly keyboardIrq: Irq;
  readonly mouseIrq: Irq;
  readonly a20: Irq;
  /** QEMU: qemu_system_reset_request. */
  readonly reset: () => void;
  readonly log: (message: string) => void;
}

/** Ports 0x60 (data) and 0x64 (status, command). */
export class I8042 implements KBDState {
  write_cmd = 0;
  status = 0x18;
  mode = MODE_KBD_INT | MODE_MOUSE_INT;
  pending_tmp = 0;
  outport = 0xcf;
  migration_flags = 0;
  obsrc = 0;
  obdata = 0;
  cbdata = 0;
  #pending = 0;
  readonly #wires: I8042Wires;
  readonly #keyboard: PS2Keyboard;
  readonly #mouse: PS2Mouse;

  constructor(keyboard: PS2Keyboard, mouse: PS2Mouse, wires: I8042Wires) {
    this.#keyboard = keyboard;
    this.#mouse = mouse;
    this.#wires = wires;
  }

  /** What the keyboard's interrupt output is wired to. */
  readonly keyboardInput: Irq = (level) => this.#input(PENDING_KBD, level);
  readonly mouseInput: Irq = (level) => this.#input(PENDING_AUX, level);

  reset(): void {
    this.mode = MODE_KBD_INT | MODE_MOUSE_INT;
    this.status = 0x18;
    this.outport = 0xcf;
    this.#pending = 0;
    this.write_cmd = 0;
    this.#updateLines();
  }

  preSave(): void {
    this.pending_tmp = this.#pending;
    this.migration_flags = 0;
  }

  /** Subsections that do not come leave these. */
  preLoad(): void {
    this.outport = -1;
    this.obsrc = -1;
  }

  postLoad(): void {
    if (this.outport === -1) this.outport = defaultOutport(this.status);
    this.#pending = this.pending_tmp;
    if (this.obsrc === -1) {
      // Written by a QEMU before 5.2.
      const source = this.status & STAT_MOUSE_OBF ? OBSRC_MOUSE : OBSRC_KBD;
      this.obsrc = this.status & STAT_OBF ? source : 0;
      if (this.#pending & 1) this.#pending |= PENDING_KBD;
      if (this.#pending & 2) this.#pending |= PENDING_AUX;
    }
    this.#pending &= PENDING_KBD | PENDING_AUX | PENDING_CTRL_KBD | PENDING_CTRL_AUX;
    this.#wires.a20(this.outport & OUT_A20 ? 1 : 0);
  }

  readStatus(): number {
    return this.status;
  }

  readData(): number {
    if (!(this.status & STAT_OBF)) return this.obdata;
    this.#clearOutput();
    this.#updateLines();
    if (this.obsrc & OBSRC_KBD) this.obdata = this.#keyboard.parent_obj.read();
    else if (this.obsrc & OBSRC_MOUSE) this.obdata = this.#mouse.parent_obj.read();
    else if (this.obsrc & OBSRC_CTRL) {
      this.obdata = this.cbdata;
      this.#pending &= ~(PENDING_CTRL_KBD | PENDING_CTRL_AUX);
      if (this.#waiting()) this.#update();
    }
    return this.obdata;
  }

  writeCommand(value: number): void {
    // 0xf0 to 0xff pulse bits of the output port; bit 0 is the reset line.
    const command = value >= 0xf0 ? (value & 1 ? 0xff : 0xfe) : value;
    if (WITH_DATA.has(command)) this.write_cmd = command;
    else this.#command(command);
  }

  writeData(value: number): void {
    const command = this.write_cmd;
    this.write_cmd = 0;
    switch (command) {
      case 0x60:
        this.mode = value;
        this.#keyboard.translate = value & MODE_KCC ? 1 : 0;
        this.#updateLines();
        return this.#safeUpdate();
      case 0xd1:
        this.outport = value;
        this.#wires.a20(value & OUT_A20 ? 1 : 0);
        if (!(value & 1)) this.#wires.reset();
        return;
      case 0xd2:
        return this.#reply(value, PENDING_CTRL_KBD);
      case 0xd3:
        return this.#reply(value, PENDING_CTRL_AUX);
      case 0xd4:
        this.#mouse.write(value);
        this.mode &= ~MODE_DISABLE_MOUSE;
        return this.#safeUpdate();
      default:
        this.#keyboard.write(value);
        this.mode &= ~MODE_DISABLE_KBD;
        this.#safeUpdate();
    }
  }

  #command(command: number): void {
    const reply = (byte: number): void => this.#reply(byte, PENDING_CTRL_KBD);
    switch (command) {
      case 0x20:
        return reply(this.mode);
      case 0xa7:
        this.mode |= MODE_DISABLE_MOUSE;
        return;
      case 0xa8:
        this.mode &= ~MODE_DISABLE_MOUSE;
        return this.#safeUpdate();
      case 0xa9:
      case 0xab:
        return reply(0);
      case 0xaa:
        this.status |= STAT_SELFTEST;
        return reply(0x55);
      case 0xad:
        this.mode |= MODE_DISABLE_KBD;
        return;
      case 0xae:
        this.mode &= ~MODE_DISABLE_KBD;
        return this.#safeUpdate();
      case 0xc0:
        return reply(0x80);
      case 0xd0:
        return reply(this.outport);
      case 0xdd:
      case 0xdf:
        this.outport = command === 0xdf ? this.outport | OUT_A20 : this.outport & ~OUT_A20;
        return this.#wires.a20(command === 0xdf ? 1 : 0);
      case 0xfe:
        return this.#wires.reset();
      case 0xff:
        return;
      default:
        this.#wires.log(`unsupported keyboard cmd=0x${command.toString(16).padStart(2, '0')}`);
    }
  }

  #input(source: number, level: number): void {
    this.#pending = level ? this.#pending | source : this.#pending & ~source;
    this.#safeUpdate();
  }

  #reply(byte: number, as: number): void {
    this.cbdata = byte;
    this.#pending = (this.#pending & ~(PENDING_CTRL_KBD | PENDING_CTRL_AUX)) | as;
    this.#safeUpdate();
  }

  /** Who may put a byte out: bits 4 and 5 of the mode hold keyboard and mouse back. Source: kbd_pending. */
  #waiting(): number {
    return this.#pending & (~this.mode | ~(PENDING_KBD | PENDING_AUX));
  }

  /** While a byte waits at port 0x60 nothing follows. Source: kbd_safe_update_irq. */
  #safeUpdate(): void {
    if (!(this.status & STAT_OBF) && this.#waiting()) this.#update();
  }

  #update(): void {
    const waiting = this.#waiting();
    this.#clearOutput();
    if (waiting) {
      const ctrl = (waiting & (PENDING_CTRL_KBD | PENDING_CTRL_AUX)) !== 0;
      const mouse = waiting & PENDING_CTRL_KBD ? false : ctrl || !(waiting & PENDING_KBD);
      this.status |= STAT_OBF | (mouse ? STAT_MOUSE_OBF : 0);
      this.outport |= OUT_OBF | (mouse ? OUT_MOUSE_OBF : 0);
      this.obsrc = ctrl ? OBSRC_CTRL : mouse ? OBSRC_MOUSE : OBSRC_KBD;
    }
    this.#updateLines();
  }

  #clearOutput(): void {
    this.status &= ~(STAT_OBF | STAT_MOUSE_OBF);
    this.outport &= ~(OUT_OBF | OUT_MOUSE_OBF);
  }

  /** Source: kbd_update_irq_lines. */
  #updateLines(): void {
    const full = (this.status & STAT_OBF) !== 0;
    const mouse = (this.status & STAT_MOUSE_OBF) !== 0;
    const keyboardOn = (this.mode & (MODE_KBD_INT | MODE_DISABLE_KBD)) === MODE_KBD_INT;
    this.#wires.keyboardIrq(full && !mouse && keyboardOn ? 1 : 0);
    this.#wires.mouseIrq(full && mouse && this.mode & MODE_MOUSE_INT ? 1 : 0);
  }
}

/** The controller on a PC's ISA bus, with its keyboard and mouse: three sections. */
export class ISAKbd implements Device {
  readonly idstr = 'pckbd';
  readonly vmsd = vmstate_kbd_isa;
  readonly keyboard: PS2Keyboard;
  readonly mouse: PS2Mouse;
  readonly kbd: I8042;
  /** In QEMU's order, this controller last. */
  readonly devices: readonly Device[];

  constructor({ ports, log }: DeviceHost, isaIrqs: readonly Irq[], a20: Irq, resetRequest: () => void) {
    this.keyboard = new PS2Keyboard((level) => this.kbd.keyboardInput(level));
    this.mouse = new PS2Mouse((level) => this.kbd.mouseInput(level));
    this.kbd = new I8042(this.keyboard, this.mouse, {
      ...{ keyboardIrq: isaIrqs[1]!, mouseIrq: isaIrqs[12]!, a20, reset: resetRequest },
      log: (message) => log('pckbd', message)
    });
    const { keyboard, mouse } = this;
    this.devices = [
      {
        ...{ idstr: 'ps2kbd', vmsd: vmstate_ps2_keyboard, state: keyboard },
        reset: () => keyboard.reset(),
        preLoad: () => keyboard.preLoad(),
        postLoad: (version) => keyboard.postLoad(version)
      },
      {
        ...{ idstr: 'ps2mouse', vmsd: vmstate_ps2_mouse, state: mouse },
        reset: () => mouse.reset(),
        postLoad: () => mouse.postLoad()
      },
      this
    ];
    const byte = { min: 1, max: 1 } as const;
    ports.register(
      0x60,
      MemoryRegion.io('i8042-data', 1, {
        impl: byte,
        read: () => this.kbd.readData(),
        write: (_at, value) => this.kbd.writeData(value)
      })
    );
    ports.register(
      0x64,
      MemoryRegion.io('i8042-cmd', 1, {
        impl: byte,
        read: () => this.kbd.readStatus(),
        write: (_at, value) => this.kbd.writeCommand(value)
      })
    );
  }

  reset(): void {
    this.kbd.reset();
  }
  preSave(): void {
    this.kbd.preSave();
  }
  preLoad(): void {
    this.kbd.preLoad();
  }
  postLoad(): void {
    this.kbd.postLoad();
  }
}
