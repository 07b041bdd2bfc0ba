/** Ways of drawing that tracks share. */
import { cut, isDark, LETTER } from '../canvas/tokens.ts';
import { eachInView, type Track, type TrackPaint } from './track.ts';

/** Boxes in their colours, with labels where there is room. */
export const drawBoxes: Track['draw'] = (ctx, { view, items, read, height }) => {
  ctx.font = `11px ${read('--mono')}`;
  ctx.textBaseline = 'middle';
  eachInView(items, view, (item, left, right) => {
    const colour = read(item.token);
    ctx.fillStyle = colour;
    // A line between neighbours, when they are wide enough to lose a pixel.
    const gap = right - left > 3 ? 1 : 0;
    ctx.fillRect(left, 1, right - left - gap, height - 2);
    const from = Math.max(0, left);
    const label = item.label === undefined ? '' : cut(item.label, Math.min(right, view.width) - from - 8);
    if (label === '') return;
    ctx.fillStyle = read(isDark(colour) ? '--ink-light' : '--ink-dark');
    ctx.fillText(label, from + 4, height / 2 + 0.5);
  });
};

/** A mark at each place: what is short is seen as well as what is long. */
export const drawMarks: Track['draw'] = (ctx, { view, items, read, height }: TrackPaint) => {
  ctx.font = `11px ${read('--mono')}`;
  ctx.textBaseline = 'middle';
  let free = -Infinity;
  eachInView(items, view, (item, left, right) => {
    ctx.fillStyle = read(item.token);
    ctx.beginPath();
    ctx.moveTo(left - 4, 2);
    ctx.lineTo(left + 4, 2);
    ctx.lineTo(left, height - 3);
    ctx.closePath();
    ctx.fill();
    if (right - left > 2) ctx.fillRect(left, height - 4, right - left, 2);
    // Labels do not run into each other.
    if (item.label === undefined || left < free) return;
    ctx.fillStyle = read('--muted');
    const wide = item.label.length * LETTER;
    const before = left + 7 + wide > view.width && left - 7 - wide > free;
    ctx.fillText(item.label, before ? left - 7 - wide : left + 7, height / 2);
    free = before ? left + 7 : left + 14 + wide;
  });
};
