/**
 * What a person sees of a machine and does to it: the picture, the keyboard, the mouse. All input goes through
 * `Inputs`, so that a run again gets it too. Source: QEMU ui/console.c, ui/input.c.
 */
import type { VMMouse } from './hw/i386/vmmouse.ts';
import type { PCPiix } from './hw/i386/pc_piix.ts';
import { VGAScreen } from './hw/display/vga-screen.ts';
import type { Inputs } from './replay/inputs.ts';

/** Movement of a mouse: right, down, away from the person; buttons 1 left, 2 right, 4 middle. */
export interface MouseMove {
  readonly dx: number;
  readonly dy: number;
  readonly dz: number;
  readonly buttons: number;
}

/** Names of inputs. */
const KEY = 'key';
const MOUSE = 'mouse';
const POINTER = 'pointer';
/** Places on the screen go so far. Source: INPUT_EVENT_ABS_MAX. */
const MAX_PLACE = 0x7fff;
/** Of a movement: more at once than any mouse says. */
const MOST = 0x7fff;

const limited = (value: number): number => Math.max(-MOST, Math.min(MOST, Math.trunc(value) || 0));

export class MachineUi {
  /** Undefined: there is no VGA. */
  readonly screen: VGAScreen | undefined;
  readonly #inputs: Inputs;
  readonly #vmmouse: VMMouse | undefined;

  constructor({ pc, vga, basic }: PCPiix, inputs: Inputs) {
    this.screen = vga && new VGAScreen(vga.vga, pc.physmem, pc.clocks.virtual);
    this.#inputs = inputs;
    const { keyboard, mouse } = basic.kbd;
    const { vmmouse } = basic;
    this.#vmmouse = vmmouse;
    inputs.register(KEY, (data) => keyboard.key(new TextDecoder().decode(data.subarray(1)), data[0] === 1));
    inputs.register(MOUSE, (data) => {
      const [dx = 0, dy = 0, dz = 0, buttons = 0] = new Int16Array(data.slice(0, 8).buffer);
      if (vmmouse?.active) vmmouse.event(dx, dy, -dz, buttons);
      else mouse.move(dx, -dy, -dz, buttons);
    });
    inputs.register(POINTER, (data) => {
      const [x = 0, y = 0, dz = 0, buttons = 0] = new Int16Array(data.slice(0, 8).buffer);
      if (vmmouse?.active && vmmouse.absolute) vmmouse.event(x, y, -dz, buttons);
    });
  }

  /** A key goes down or up. @param qcode QEMU's name of it, as in `sendkey`; others do nothing */
  key(qcode: string, down: boolean): void {
    this.#inputs.post(KEY, Uint8Array.of(down ? 1 : 0, ...new TextEncoder().encode(qcode)));
  }

  /** The guest wants to know where on the screen the mouse is, not how it moves. */
  get absolute(): boolean {
    return this.#vmmouse?.active === true && this.#vmmouse.absolute !== 0;
  }

  /** Where the mouse is, from 0 to 1 across and down; nothing happens where the guest does not want it. */
  pointer(x: number, y: number, dz: number, buttons: number): void {
    const place = (part: number): number => Math.round(Math.max(0, Math.min(1, part || 0)) * MAX_PLACE);
    this.#inputs.post(POINTER, new Uint8Array(Int16Array.of(place(x), place(y), limited(dz), buttons & 7).buffer));
  }

  mouse({ dx, dy, dz, buttons }: MouseMove): void {
    const words = Int16Array.of(limited(dx), limited(dy), limited(dz), buttons & 7);
    this.#inputs.post(MOUSE, new Uint8Array(words.buffer));
  }
}
