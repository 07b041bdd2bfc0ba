/** The hex view as a drawing, for pictures in reports. */
import type { DrawingContext } from '../pictures.ts';
import { tokenOf, type HexRow } from './hex-rows.ts';

const LETTER = 7.3;
const ROW = 18;
const CELL = 2.75 * LETTER;
const GAP = 0.8 * LETTER;
const MARGIN = 8;

/** Where the columns begin, for rows of `width` bytes. */
function columns(width: number, digits: number) {
  const bytes = MARGIN + (digits + 1.4) * LETTER;
  const text = bytes + width * CELL + Math.floor((width - 1) / 8) * GAP + 1.4 * LETTER;
  return { bytes, text, end: text + width * LETTER + MARGIN };
}

export const hexPictureSize = (rows: number, width: number, digits: number) => ({
  width: Math.ceil(columns(width, digits).end),
  height: rows * ROW + 2 * MARGIN
});

/** @param token reads a token of app.css */
export function drawHex(
  ctx: DrawingContext,
  rows: readonly HexRow[],
  width: number,
  digits: number,
  token: (name: string) => string
): void {
  const at = columns(width, digits);
  const size = hexPictureSize(rows.length, width, digits);
  ctx.fillStyle = token('--bg');
  ctx.fillRect(0, 0, size.width, size.height);
  ctx.font = `12px ${token('--mono')}`;
  ctx.textBaseline = 'middle';
  rows.forEach((row, r) => {
    const y = MARGIN + r * ROW;
    ctx.fillStyle = token('--muted');
    ctx.fillText(row.offset.toString(16).padStart(digits, '0'), MARGIN, y + ROW / 2);
    row.cells.forEach((cell, c) => {
      const places = [
        { x: at.bytes + c * CELL + Math.floor(c / 8) * GAP, width: CELL, text: cell.text, inset: 0.375 * LETTER },
        { x: at.text + c * LETTER, width: LETTER, text: cell.char, inset: 0 }
      ];
      for (const { x, width: cellWidth, text, inset } of places) {
        for (const name of [tokenOf(cell.colour), cell.selected ? '--chosen' : undefined]) {
          if (name === undefined) continue;
          ctx.fillStyle = token(name);
          ctx.fillRect(x, y, cellWidth, ROW);
        }
        ctx.fillStyle = token(cell.zero ? '--muted' : '--text');
        ctx.fillText(text, x + inset, y + ROW / 2);
      }
    });
  });
}
