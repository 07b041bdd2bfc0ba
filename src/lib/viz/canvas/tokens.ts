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
