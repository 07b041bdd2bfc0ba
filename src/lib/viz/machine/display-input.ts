/** What the display panel makes of keys, buttons and room: no DOM but the events' own fields. */

/** Keys that stay with the page: the way to the next panel, and to the palette. */
export const isOurs = ({ key, ctrlKey, shiftKey }: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'shiftKey'>): boolean =>
  key === 'F6' || (ctrlKey && shiftKey && key.toLowerCase() === 'p');

/** Keys that are down in the guest, so that none stays down when the panel loses the keyboard. */
export class HeldKeys {
  readonly #down = new Set<string>();
  readonly #send: (code: string, down: boolean) => void;

  /** @param send a KeyboardEvent.code goes down or up */
  constructor(send: (code: string, down: boolean) => void) {
    this.#send = send;
  }

  set(code: string, down: boolean): void {
    if (this.#down.has(code) === down) return;
    if (down) this.#down.add(code);
    else this.#down.delete(code);
    this.#send(code, down);
  }
  /** It is still down: keyboards say so again and again. */
  repeat(code: string): void {
    if (this.#down.has(code)) this.#send(code, true);
  }
  releaseAll(): void {
    for (const code of [...this.#down].toReversed()) this.set(code, false);
  }
}

/** MouseEvent.buttons as the machine has them: 1 left, 2 right, 4 middle. */
export const mouseButtons = (buttons: number): number => buttons & 7;

/** Steps of the wheel away from the person: -1, 0 or 1. */
export const wheelSteps = (deltaY: number): number => Number(deltaY < 0) - Number(deltaY > 0);

export type Scale = 'fit' | '1' | '2';
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** How large a picture is shown: as large as there is room where it is to fit, in whole multiples where it may grow. */
export function scaled({ width, height }: Size, room: Size, scale: Scale): Size {
  const fitting = Math.min(room.width / width, room.height / height);
  const factor = scale !== 'fit' ? Number(scale) : fitting >= 1 ? Math.floor(fitting) : fitting || 1;
  return { width: Math.floor(width * factor), height: Math.floor(height * factor) };
}
