/**
 * What a person sees of a machine and does to it: the picture, the keyboard, the mouse. All input goes through
 * `Inputs`, so that a run again gets it too. Source: QEMU ui/console.c, ui/input.c.
 */
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
/** Of a movement: more at once than any mouse says. */
const MOST = 0x7fff;

const limited = (value: number): number => Math.max(-MOST, Math.min(MOST, Math.trunc(value) || 0));

export class MachineUi {
  /** Undefined: there is no VGA. */
  readonly screen: VGAScreen | undefined;
  readonly #inputs: Inputs;

  constructor({ pc, vga, basic }: PCPiix, inputs: Inputs) {
    this.screen = vga && new VGAScreen(vga.vga, pc.physmem, pc.clocks.virtual);
    this.#inputs = inputs;
    const { keyboard, mouse } = basic.kbd;
    inputs.register(KEY, (data) => keyboard.key(new TextDecoder().decode(data.subarray(1)), data[0] === 1));
    inputs.register(MOUSE, (data) => {
      const [dx = 0, dy = 0, dz = 0, buttons = 0] = new Int16Array(data.slice(0, 8).buffer);
      mouse.move(dx, -dy, -dz, buttons);
    });
  }

  /** A key goes down or up. @param qcode QEMU's name of it, as in `sendkey`; others do nothing */
  key(qcode: string, down: boolean): void {
    this.#inputs.post(KEY, Uint8Array.of(down ? 1 : 0, ...new TextEncoder().encode(qcode)));
  }

  mouse({ dx, dy, dz, buttons }: MouseMove): void {
    const words = Int16Array.of(limited(dx), limited(dy), limited(dz), buttons & 7);
    this.#inputs.post(MOUSE, new Uint8Array(words.buffer));
  }
}
