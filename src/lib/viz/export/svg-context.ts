/** A 2D context that writes SVG. It does what `DrawingContext` names and no more. */
import type { DrawingContext } from '../pictures.ts';

interface State {
  fillStyle: string;
  strokeStyle: string;
  lineWidth: number;
  dash: readonly number[];
  globalAlpha: number;
  font: string;
  textAlign: CanvasTextAlign;
  textBaseline: CanvasTextBaseline;
  x: number;
  y: number;
  /** Groups that clips opened since the last save. */
  groups: number;
}

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!);
const n = (value: number): string => `${+value.toFixed(2)}`;

const anchors: Readonly<Record<CanvasTextAlign, string>> = {
  left: 'start',
  start: 'start',
  center: 'middle',
  right: 'end',
  end: 'end'
};
const baselines: Readonly<Record<CanvasTextBaseline, string>> = {
  alphabetic: 'alphabetic',
  ideographic: 'ideographic',
  hanging: 'hanging',
  middle: 'central',
  top: 'text-before-edge',
  bottom: 'text-after-edge'
};

export class SvgContext implements DrawingContext {
  readonly #width: number;
  readonly #height: number;
  readonly #out: string[] = [];
  readonly #saved: State[] = [];
  #clips = 0;
  #path = '';
  #state: State = {
    fillStyle: '#000',
    strokeStyle: '#000',
    lineWidth: 1,
    dash: [],
    globalAlpha: 1,
    font: '10px sans-serif',
    textAlign: 'start',
    textBaseline: 'alphabetic',
    x: 0,
    y: 0,
    groups: 0
  };

  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
  }

  get fillStyle(): string {
    return this.#state.fillStyle;
  }
  /** Colours only: a gradient or pattern is drawn black. */
  set fillStyle(style: string | CanvasGradient | CanvasPattern) {
    this.#state.fillStyle = typeof style === 'string' ? style : '#000';
  }
  get strokeStyle(): string {
    return this.#state.strokeStyle;
  }
  set strokeStyle(style: string | CanvasGradient | CanvasPattern) {
    this.#state.strokeStyle = typeof style === 'string' ? style : '#000';
  }
  get lineWidth(): number {
    return this.#state.lineWidth;
  }
  set lineWidth(width: number) {
    this.#state.lineWidth = width;
  }
  setLineDash(dash: readonly number[]): void {
    this.#state.dash = [...dash];
  }
  get globalAlpha(): number {
    return this.#state.globalAlpha;
  }
  set globalAlpha(alpha: number) {
    this.#state.globalAlpha = alpha;
  }
  get font(): string {
    return this.#state.font;
  }
  set font(font: string) {
    this.#state.font = font;
  }
  get textAlign(): CanvasTextAlign {
    return this.#state.textAlign;
  }
  set textAlign(align: CanvasTextAlign) {
    this.#state.textAlign = align;
  }
  get textBaseline(): CanvasTextBaseline {
    return this.#state.textBaseline;
  }
  set textBaseline(baseline: CanvasTextBaseline) {
    this.#state.textBaseline = baseline;
  }

  save(): void {
    this.#saved.push({ ...this.#state });
    this.#state.groups = 0;
  }
  restore(): void {
    const saved = this.#saved.pop();
    if (!saved) return;
    this.#out.push('</g>'.repeat(this.#state.groups));
    this.#state = saved;
  }
  translate(x: number, y: number): void {
    this.#state.x += x;
    this.#state.y += y;
  }

  #alpha(): string {
    return this.#state.globalAlpha === 1 ? '' : ` opacity="${n(this.#state.globalAlpha)}"`;
  }
  #fill(): string {
    return ` fill="${escaped(this.#state.fillStyle)}"${this.#alpha()}`;
  }
  #stroke(): string {
    const { strokeStyle, lineWidth, dash } = this.#state;
    const dashed = dash.length === 0 ? '' : ` stroke-dasharray="${dash.map(n).join(' ')}"`;
    return ` fill="none" stroke="${escaped(strokeStyle)}" stroke-width="${n(lineWidth)}"${dashed}${this.#alpha()}`;
  }
  #box(x: number, y: number, width: number, height: number): string {
    const left = this.#state.x + Math.min(x, x + width);
    const top = this.#state.y + Math.min(y, y + height);
    return `x="${n(left)}" y="${n(top)}" width="${n(Math.abs(width))}" height="${n(Math.abs(height))}"`;
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    this.#out.push(`<rect ${this.#box(x, y, width, height)}${this.#fill()}/>`);
  }
  strokeRect(x: number, y: number, width: number, height: number): void {
    this.#out.push(`<rect ${this.#box(x, y, width, height)}${this.#stroke()}/>`);
  }
  beginPath(): void {
    this.#path = '';
  }
  closePath(): void {
    this.#path += 'Z';
  }
  moveTo(x: number, y: number): void {
    this.#path += `M${n(this.#state.x + x)} ${n(this.#state.y + y)}`;
  }
  lineTo(x: number, y: number): void {
    this.#path += `${this.#path === '' ? 'M' : 'L'}${n(this.#state.x + x)} ${n(this.#state.y + y)}`;
  }
  rect(x: number, y: number, width: number, height: number): void {
    this.#path += `M${n(this.#state.x + x)} ${n(this.#state.y + y)}h${n(width)}v${n(height)}h${n(-width)}Z`;
  }
  fill(): void {
    this.#out.push(`<path d="${this.#path}"${this.#fill()}/>`);
  }
  stroke(): void {
    this.#out.push(`<path d="${this.#path}"${this.#stroke()}/>`);
  }
  clip(): void {
    const id = `clip${++this.#clips}`;
    this.#out.push(`<clipPath id="${id}"><path d="${this.#path}"/></clipPath><g clip-path="url(#${id})">`);
    this.#state.groups++;
  }
  fillText(text: string, x: number, y: number): void {
    const { font, textAlign, textBaseline } = this.#state;
    const at = `x="${n(this.#state.x + x)}" y="${n(this.#state.y + y)}"`;
    const how = `text-anchor="${anchors[textAlign]}" dominant-baseline="${baselines[textBaseline]}"`;
    this.#out.push(
      `<text ${at} ${how} xml:space="preserve" style="font:${escaped(font)}"${this.#fill()}>${escaped(text)}</text>`
    );
  }
  drawImage(image: { toDataURL(): string }, x: number, y: number, width: number, height: number): void {
    const how = 'preserveAspectRatio="none" style="image-rendering:pixelated"';
    this.#out.push(`<image ${this.#box(x, y, width, height)} ${how}${this.#alpha()} href="${image.toDataURL()}"/>`);
  }

  /** The document. What was clipped and not restored is closed. */
  toString(): string {
    const size = `width="${n(this.#width)}" height="${n(this.#height)}" viewBox="0 0 ${n(this.#width)} ${n(this.#height)}"`;
    const open = this.#state.groups + this.#saved.reduce((sum, s) => sum + s.groups, 0);
    return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>${this.#out.join('')}${'</g>'.repeat(open)}</svg>\n`;
  }
}
