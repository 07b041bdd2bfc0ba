/** VMware's absolute mouse, reached through the vmport. Source: QEMU hw/i386/vmmouse.c. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, i32, u16, u32, u8 } from '../../../vmstate/vmstate-types.ts';
import type { Device } from '../core/qdev.ts';
import { VMPORT_CMD, type Vmport, type VmportCpu, type VmportRegister } from './vmport.ts';

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

const READ_ID = 0x45414552;
const DISABLE = 0x000000f5;
const REQUEST_RELATIVE = 0x4c455252;
const REQUEST_ABSOLUTE = 0x53424152;
const VERSION = 0x3442554a;
const RELATIVE_PACKET = 0x00010000;
/** Buttons as the machine has them, 1 left, 2 right, 4 middle, and here. */
const BUTTONS = [
  [1, 0x20],
  [2, 0x10],
  [4, 0x08]
] as const;
const PACKET = 4;
const OFF = 0xffff;
/** Places on the screen: what comes, and what the guest is told. */
const MAX_IN = 0x7fff;
const MAX_OUT = 0xffff;
const REGISTERS: readonly VmportRegister[] = ['eax', 'ebx', 'ecx', 'edx', 'esi', 'edi'];

export class VMMouse implements VMMouseState, Device {
  readonly idstr = 'vmmouse';
  readonly vmsd = vmstate_vmmouse;
  queue_size = VMMOUSE_QUEUE_SIZE;
  queue: number[] = new Array<number>(VMMOUSE_QUEUE_SIZE).fill(0);
  nb_queue = 0;
  status = OFF;
  absolute = 0;
  readonly #wakeDriver: () => void;

  /** @param wakeDriver moves the PS/2 mouse, whose driver then asks here */
  constructor(vmport: Vmport, wakeDriver: () => void) {
    this.#wakeDriver = wakeDriver;
    vmport.register(VMPORT_CMD.VMMOUSE_STATUS, () => ((this.status << 16) | this.nb_queue) >>> 0);
    vmport.register(VMPORT_CMD.VMMOUSE_COMMAND, (cpu) => this.#command(cpu));
    vmport.register(VMPORT_CMD.VMMOUSE_DATA, (cpu) => this.#data(cpu));
  }

  /** A driver has taken it: it gets what the mouse does, and the PS/2 mouse nothing. */
  get active(): boolean {
    return this.status === 0;
  }

  reset(): void {
    this.queue_size = VMMOUSE_QUEUE_SIZE;
    this.nb_queue = 0;
    this.status = OFF;
  }
  postLoad(): void {
    this.nb_queue = Math.min(this.nb_queue, VMMOUSE_QUEUE_SIZE);
  }

  /**
   * The mouse moves, or is somewhere: by `absolute`.
   * @param x of the screen, 0 to 0x7fff, or to the right; @param y down; @param dz wheel towards the person
   * @param buttons 1 left, 2 right, 4 middle
   */
  event(x: number, y: number, dz: number, buttons: number): void {
    if (this.nb_queue > VMMOUSE_QUEUE_SIZE - PACKET) return;
    const held = BUTTONS.reduce((bits, [from, to]) => (buttons & from ? bits | to : bits), 0);
    const scaled = (value: number): number => (this.absolute ? Math.floor((value * MAX_OUT) / MAX_IN) : value);
    for (const word of [this.absolute ? held : held | RELATIVE_PACKET, scaled(x), scaled(y), dz]) {
      this.queue[this.nb_queue++] = word >>> 0;
    }
    this.#wakeDriver();
  }

  #command(cpu: VmportCpu): number {
    switch (cpu.get('ebx')) {
      case DISABLE:
        this.status = OFF;
        break;
      case READ_ID:
        if (this.nb_queue === VMMOUSE_QUEUE_SIZE) break;
        this.queue[this.nb_queue++] = VERSION;
        this.status = 0;
        break;
      case REQUEST_RELATIVE:
      case REQUEST_ABSOLUTE:
        if (this.active) this.absolute = cpu.get('ebx') === REQUEST_ABSOLUTE ? 1 : 0;
    }
    return cpu.get('eax');
  }

  /** As many words as EBX says go to the registers. Source: vmmouse_data. */
  #data(cpu: VmportCpu): number {
    const size = cpu.get('ebx');
    if (size === 0 || size > REGISTERS.length || size > this.nb_queue) {
      this.status = OFF;
      return cpu.get('eax');
    }
    for (let i = 0; i < size; i++) cpu.set(REGISTERS[i]!, this.queue[i]!);
    this.queue.copyWithin(0, size, this.nb_queue);
    this.nb_queue -= size;
    return cpu.get('eax');
  }
}
