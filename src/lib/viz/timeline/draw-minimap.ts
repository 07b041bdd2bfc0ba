/** Draws the whole stream small, with the window on it. */
import type { Density, SnapshotInfo } from '../../emulator/api.ts';
import { sendClasses } from '../../vmstate/ram-statistics.ts';
import type { TokenReader } from '../canvas/tokens.ts';
import type { DrawingContext } from '../pictures.ts';
import { GUTTER } from './draw-timeline.ts';
import { xOf, type StreamView } from './stream-view.ts';

export interface MinimapDrawing {
  /** Of the whole. */
  readonly view: StreamView;
  readonly info: SnapshotInfo;
  readonly density: Density | undefined;
  readonly window: { readonly start: number; readonly span: number };
  readonly read: TokenReader;
}

export function drawMinimap(
  ctx: DrawingContext,
  { width, height }: { readonly width: number; readonly height: number },
  { view, info, density, window, read }: MinimapDrawing
): void {
  ctx.fillStyle = read('--surface');
  ctx.fillRect(0, 0, width, height);
  ctx.save();
  ctx.translate(GUTTER, 0);
  // Phases as a line at the foot; whatever is narrow is still seen.
  for (const section of info.sections) {
    if (section.inside !== undefined) continue;
    const left = xOf(view, section.start);
    const right = xOf(view, section.end);
    if (right - left < 0.2) continue;
    ctx.fillStyle = read(`--phase-${section.phase}`);
    ctx.fillRect(left, height - 4, Math.max(0.5, right - left), 4);
  }
  if (density) drawShares(ctx, view, density, height - 5, read);
  const left = Math.max(0, xOf(view, window.start));
  const right = Math.min(view.width, xOf(view, window.start + window.span));
  // What is outside of the window is veiled.
  ctx.globalAlpha = 0.65;
  ctx.fillStyle = read('--surface');
  ctx.fillRect(0, 0, left, height);
  ctx.fillRect(right, 0, view.width - right, height);
  ctx.globalAlpha = 1;
  ctx.strokeStyle = read('--accent');
  ctx.lineWidth = 1;
  ctx.strokeRect(left + 0.5, 0.5, Math.max(2, right - left - 1), height - 1);
  ctx.restore();
}

function drawShares(
  ctx: DrawingContext,
  view: StreamView,
  { start, end, buckets, counts }: Density,
  height: number,
  read: TokenReader
): void {
  const step = (end - start) / buckets;
  for (let b = 0; b < buckets; b++) {
    const of = counts.subarray(b * sendClasses.length, (b + 1) * sendClasses.length);
    const all = of.reduce((a, n) => a + n, 0);
    if (all === 0) continue;
    const left = Math.round(xOf(view, start + b * step));
    const width = Math.max(1, Math.round(xOf(view, start + (b + 1) * step)) - left);
    let top = height;
    of.forEach((n, kind) => {
      const part = (height * n) / all;
      ctx.fillStyle = read(`--kind-${sendClasses[kind]!}`);
      if (part > 0) ctx.fillRect(left, top - part, width, part);
      top -= part;
    });
  }
}
