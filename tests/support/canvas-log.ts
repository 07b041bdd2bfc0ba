/** A drawing context that remembers: tests read what was drawn, with which colours, instead of pixels. */
import type { DrawingContext } from '../../src/lib/viz/pictures.ts';

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
interface Path {
  readonly path: readonly (readonly number[])[];
  readonly style: string;
}
interface Operations {
  readonly fillRect: Box & { readonly style: string; readonly alpha: number };
  readonly strokeRect: Box & { readonly style: string; readonly alpha: number };
  readonly fillText: { readonly text: string; readonly x: number; readonly y: number; readonly style: string };
  readonly fill: Path;
  readonly stroke: Path;
  readonly clip: Path;
  readonly drawImage: Box & { readonly image: unknown };
}
export type Drawn = { [O in keyof Operations]: { readonly op: O } & Operations[O] }[keyof Operations];

export class CanvasLog {
  readonly drawn: Drawn[] = [];
  fillStyle = '';
  strokeStyle = '';
  lineWidth = 1;
  globalAlpha = 1;
  font = '';
  textAlign: CanvasTextAlign = 'start';
  textBaseline: CanvasTextBaseline = 'alphabetic';
  #path: number[][] = [];
  #at = { x: 0, y: 0 };
  readonly #saved: { x: number; y: number }[] = [];

  /** As the code under test takes it. */
  get context(): DrawingContext {
    return this as unknown as DrawingContext;
  }
  of<O extends keyof Operations>(op: O): Operations[O][] {
    return this.drawn.filter((d) => d.op === op) as unknown as Operations[O][];
  }
  /** Text in the order drawn. */
  get texts(): string[] {
    return this.of('fillText').map((d) => d.text);
  }

  save(): void {
    this.#saved.push({ ...this.#at });
  }
  restore(): void {
    this.#at = this.#saved.pop() ?? { x: 0, y: 0 };
  }
  translate(x: number, y: number): void {
    this.#at.x += x;
    this.#at.y += y;
  }
  beginPath(): void {
    this.#path = [];
  }
  closePath(): void {}
  setLineDash(): void {}
  moveTo(x: number, y: number): void {
    this.#path.push([this.#at.x + x, this.#at.y + y]);
  }
  lineTo(x: number, y: number): void {
    this.moveTo(x, y);
  }
  rect(x: number, y: number, width: number, height: number): void {
    this.#path.push([this.#at.x + x, this.#at.y + y, width, height]);
  }
  fill(): void {
    this.drawn.push({ op: 'fill', path: this.#path, style: this.fillStyle });
  }
  stroke(): void {
    this.drawn.push({ op: 'stroke', path: this.#path, style: this.strokeStyle });
  }
  clip(): void {
    this.drawn.push({ op: 'clip', path: this.#path, style: '' });
  }
  fillRect(x: number, y: number, width: number, height: number): void {
    this.#rect('fillRect', x, y, width, height, this.fillStyle);
  }
  strokeRect(x: number, y: number, width: number, height: number): void {
    this.#rect('strokeRect', x, y, width, height, this.strokeStyle);
  }
  #rect(op: 'fillRect' | 'strokeRect', x: number, y: number, width: number, height: number, style: string): void {
    this.drawn.push({ op, x: this.#at.x + x, y: this.#at.y + y, width, height, style, alpha: this.globalAlpha });
  }
  fillText(text: string, x: number, y: number): void {
    this.drawn.push({ op: 'fillText', text, x: this.#at.x + x, y: this.#at.y + y, style: this.fillStyle });
  }
  drawImage(image: unknown, x: number, y: number, width: number, height: number): void {
    this.drawn.push({ op: 'drawImage', image, x: this.#at.x + x, y: this.#at.y + y, width, height });
  }
}

/** Every token is its own name, but for what must be a colour to be mixed. */
export const tokenNames = (token: string): string =>
  /^--(bg|kind|ramp|phase|category|warn|bad|good)/.test(token) ? '#808080' : token;
