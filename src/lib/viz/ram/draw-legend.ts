/** The legend of a RAM map as part of its picture. */
import { LETTER } from '../canvas/tokens.ts';
import { count } from '../format.ts';
import type { DrawingContext } from '../pictures.ts';
import type { MapColours } from './draw-map.ts';
import type { Palette } from './page-colors.ts';

const ROW = 18;

interface Piece {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly colour?: string;
}

/** Where things lie: what there is none of is left out, rows are begun where one is full. */
function pieces({ legend }: Palette, counts: Uint32Array, width: number): Piece[] {
  if ('low' in legend) {
    const steps = legend.colours.map((colour, i) => ({ x: 8 + i * 14, y: 0, text: '', colour }));
    return [...steps, { x: 16 + steps.length * 14, y: 0, text: `${legend.low} … ${legend.high}` }];
  }
  const out: Piece[] = [];
  let [x, y] = [8, 0];
  for (const { value, name, colour } of legend) {
    if (counts[value] === 0) continue;
    const text = `${name} ${count(counts[value]!)}`;
    const wide = 16 + text.length * LETTER;
    if (x > 8 && x + wide > width) [x, y] = [8, y + ROW];
    out.push({ x, y, text, colour });
    x += wide + 12;
  }
  return out;
}

export const legendHeight = (palette: Palette, counts: Uint32Array, width: number): number =>
  (pieces(palette, counts, width).at(-1)?.y ?? 0) + ROW + 6;

export function drawLegend(
  ctx: DrawingContext,
  palette: Palette,
  counts: Uint32Array,
  width: number,
  colours: MapColours
): void {
  ctx.fillStyle = colours.background;
  ctx.fillRect(0, 0, width, legendHeight(palette, counts, width));
  ctx.font = colours.font;
  ctx.textBaseline = 'middle';
  for (const { x, y, text, colour } of pieces(palette, counts, width)) {
    if (colour !== undefined) {
      ctx.fillStyle = colour;
      ctx.fillRect(x, y + 7, 11, 11);
    }
    ctx.fillStyle = colours.text;
    if (text !== '') ctx.fillText(text, x + (colour === undefined ? 0 : 16), y + 13);
  }
}
