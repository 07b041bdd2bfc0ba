/** Colours of canvases, as words of pixels and as text, made from the tokens of app.css. */
import { interpolateRgb, interpolateRgbBasis, rgb } from 'd3';

/** The token's value, for example of `--kind-zero`. */
export type TokenReader = (token: string) => string;

/** A CSS colour as an RGBA word of an ImageData on a little-endian machine, which all browsers run on. */
export function pixel(colour: string, opacity = 1): number {
  const { r, g, b } = rgb(colour);
  return ((Math.round(255 * opacity) << 24) | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r)) >>> 0;
}

/** Between two colours; `share` of the second. */
export const mix = (a: string, b: string, share: number): string => interpolateRgb(a, b)(share);

/** A scale through several colours, from 0 to 1. */
export const ramp = (colours: readonly string[]): ((t: number) => string) => interpolateRgbBasis([...colours]);

/** Whether text on a colour had better be pale. */
export function isDark(colour: string): boolean {
  const { r, g, b } = rgb(colour);
  return 0.3 * r + 0.59 * g + 0.11 * b < 140;
}

/** Width of a letter of the 11-pixel monospaced font that canvases use. */
export const LETTER = 6.7;
/** Whether all of a text fits. */
export const fits = (text: string, width: number): boolean => text.length * LETTER <= width;
/** As much of a text as fits. */
export function cut(text: string, width: number): string {
  const room = Math.floor(width / LETTER);
  return text.length <= room ? text : room < 3 ? '' : `${text.slice(0, room - 1)}…`;
}
