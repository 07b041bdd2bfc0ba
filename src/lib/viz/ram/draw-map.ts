/** Draws a RAM map: tiles, then what is marked. A function of what there is to draw and of the view. */
import { cut, LETTER } from '../canvas/tokens.ts';
import type { DrawingContext } from '../pictures.ts';
import type { Part, Spot } from './arrangement.ts';
import { cellAt, coverOf, type Placement, type PlacedPart, type Rect } from './placement.ts';
import { keyOf, TILE, visibleTiles, type MapView, type TileName } from './tiles.ts';

export interface MapColours {
  readonly background: string;
  readonly border: string;
  readonly text: string;
  readonly accent: string;
  /** Text on pale and on dark cells. */
  readonly inkDark: string;
  readonly inkLight: string;
  readonly font: string;
}

export interface MapDrawing {
  readonly placement: Placement;
  readonly titles: readonly string[];
  /** Coarsest level of each part. */
  readonly tops: readonly number[];
  readonly view: MapView;
  readonly ratio: number;
  readonly colours: MapColours;
  /** Pixels of a tile; undefined while they are not made. */
  readonly tile: (name: TileName) => HTMLCanvasElement | undefined;
  /** The same without making any. */
  readonly peek: (name: TileName) => HTMLCanvasElement | undefined;
  /** Text and colour of a single page, when it is large enough for text. */
  readonly cell: (spot: Spot) => { readonly lines: readonly string[]; readonly dark: boolean } | undefined;
  readonly marks: readonly Mark[];
}

/** Cells of a part that are marked. */
export interface Mark {
  readonly part: number;
  readonly first: number;
  readonly end: number;
  readonly look: 'selected' | 'hovered' | 'brushed';
}

/** What is to be marked, as cells. A brush goes from one spot to another, in either direction. */
export function marksOf(
  parts: readonly Part[],
  {
    brush,
    selectedSpot,
    hoveredSpot,
    activeItem
  }: {
    readonly brush: readonly [Spot, Spot] | undefined;
    readonly selectedSpot: Spot | undefined;
    readonly hoveredSpot: Spot | undefined;
    readonly activeItem: Omit<Mark, 'look'> | undefined;
  }
): Mark[] {
  const found: Mark[] = [];
  if (brush) {
    const [from, to] = [...brush].sort((a, b) => a.part - b.part || a.cell - b.cell) as [Spot, Spot];
    for (let part = from.part; part <= to.part; part++) {
      const first = part === from.part ? from.cell : 0;
      const end = part === to.part ? to.cell + 1 : (parts[part]?.cells ?? 0);
      found.push({ part, first, end, look: 'brushed' });
    }
  }
  const one = (spot: Spot, look: Mark['look']): Mark => ({
    part: spot.part,
    first: spot.cell,
    end: spot.cell + 1,
    look
  });
  if (selectedSpot) found.push(one(selectedSpot, 'selected'));
  if (hoveredSpot) found.push(one(hoveredSpot, 'hovered'));
  if (activeItem) found.push({ ...activeItem, look: 'hovered' });
  return found;
}

/** From this size on, cells have lines between them; from the other on, text. */
const LINES_FROM = 14;
const TEXT_FROM = 44;

const toScreen = (view: MapView, rect: Rect): Rect => ({
  x: (rect.x - view.x) * view.scale,
  y: (rect.y - view.y) * view.scale,
  width: rect.width * view.scale,
  height: rect.height * view.scale
});

export function drawMap(ctx: DrawingContext, size: { width: number; height: number }, map: MapDrawing): void {
  const { placement, view, colours } = map;
  ctx.fillStyle = colours.background;
  ctx.fillRect(0, 0, size.width, size.height);
  for (const [name, tile] of tilesToDraw(map, visibleTiles(placement, map.tops, view, size, map.ratio))) {
    drawTile(ctx, map, name, tile);
  }
  for (const part of placement.parts) {
    const box = toScreen(view, part);
    if (!overlaps(box, size)) continue;
    ctx.strokeStyle = colours.border;
    ctx.lineWidth = 1;
    ctx.strokeRect(
      Math.round(box.x) - 0.5,
      Math.round(box.y) - 0.5,
      Math.round(box.width) + 1,
      Math.round(box.height) + 1
    );
  }
  if (view.scale >= LINES_FROM) drawCells(ctx, size, map);
  for (const mark of map.marks) drawMark(ctx, size, map, mark);
  drawTitles(ctx, size, map);
}

const overlaps = (box: Rect, size: { width: number; height: number }): boolean =>
  box.x < size.width && box.y < size.height && box.x + box.width > 0 && box.y + box.height > 0;

/** Tiles that are made; under those that are not, the coarser ones that hold them, coarsest first. */
function tilesToDraw(map: MapDrawing, wanted: readonly TileName[]): (readonly [TileName, HTMLCanvasElement])[] {
  const made: [TileName, HTMLCanvasElement][] = [];
  const coarse = new Map<string, [TileName, HTMLCanvasElement]>();
  for (const name of wanted) {
    const tile = map.tile(name);
    if (tile) {
      made.push([name, tile]);
      continue;
    }
    for (let up = 1; name.level + up <= (map.tops[name.part] ?? 0); up++) {
      const [tx, ty] = [Math.floor(name.tx / 2 ** up), Math.floor(name.ty / 2 ** up)];
      const above = { part: name.part, level: name.level + up, tx, ty };
      const found = map.peek(above);
      if (!found) continue;
      coarse.set(keyOf(above), [above, found]);
      break;
    }
  }
  return [...[...coarse.values()].sort((a, b) => b[0].level - a[0].level), ...made];
}

function drawTile(ctx: DrawingContext, map: MapDrawing, name: TileName, tile: HTMLCanvasElement): void {
  const part = map.placement.parts[name.part]!;
  const { view, ratio } = map;
  const cells = TILE * 2 ** name.level;
  // Edges on whole device pixels, so that neighbours meet.
  const edge = (at: number, from: number) => Math.round((at - from) * view.scale * ratio) / ratio;
  const left = edge(part.x + name.tx * cells, view.x);
  const top = edge(part.y + name.ty * cells, view.y);
  const right = edge(part.x + (name.tx + 1) * cells, view.x);
  const bottom = edge(part.y + (name.ty + 1) * cells, view.y);
  ctx.drawImage(tile, left, top, right - left, bottom - top);
}

/** Lines between large cells, and text in larger ones. */
function drawCells(ctx: DrawingContext, size: { width: number; height: number }, map: MapDrawing): void {
  const { view, colours } = map;
  map.placement.parts.forEach((part, index) => {
    const left = Math.max(0, Math.floor(view.x - part.x));
    const top = Math.max(0, Math.floor(view.y - part.y));
    const right = Math.min(part.width, Math.ceil(view.x - part.x + size.width / view.scale));
    const bottom = Math.min(part.height, Math.ceil(view.y - part.y + size.height / view.scale));
    if (left >= right || top >= bottom) return;
    const box = toScreen(view, { x: part.x + left, y: part.y + top, width: right - left, height: bottom - top });
    ctx.fillStyle = colours.background;
    for (let x = left; x <= right; x++) ctx.fillRect((part.x + x - view.x) * view.scale - 0.5, box.y, 1, box.height);
    for (let y = top; y <= bottom; y++) ctx.fillRect(box.x, (part.y + y - view.y) * view.scale - 0.5, box.width, 1);
    if (view.scale < TEXT_FROM) return;
    ctx.font = colours.font;
    ctx.textBaseline = 'top';
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) drawText(ctx, map, part, index, x, y);
    }
  });
}

function drawText(ctx: DrawingContext, map: MapDrawing, part: PlacedPart, index: number, x: number, y: number): void {
  const { view, colours } = map;
  const cell = cellAt(part, x, y);
  const text = cell < part.cells ? map.cell({ part: index, cell }) : undefined;
  if (!text) return;
  ctx.fillStyle = text.dark ? colours.inkLight : colours.inkDark;
  const left = (part.x + x - view.x) * view.scale + 4;
  const top = (part.y + y - view.y) * view.scale + 4;
  text.lines.forEach((line, i) => {
    if ((i + 1) * 13 < view.scale) ctx.fillText(cut(line, view.scale - 8), left, top + i * 13);
  });
}

function drawMark(
  ctx: DrawingContext,
  size: { width: number; height: number },
  { placement, view, colours }: MapDrawing,
  mark: Mark
): void {
  const part = placement.parts[mark.part];
  if (!part) return;
  if (mark.look === 'brushed') {
    ctx.fillStyle = colours.text;
    ctx.globalAlpha = 0.4;
    for (const rect of coverOf(part, mark.first, mark.end)) {
      const box = toScreen(view, rect);
      ctx.fillRect(box.x, box.y, box.width, box.height);
    }
    ctx.globalAlpha = 1;
    return;
  }
  const cover = coverOf(part, mark.first, mark.end).map((r) => toScreen(view, r));
  const x = Math.min(...cover.map((r) => r.x));
  const y = Math.min(...cover.map((r) => r.y));
  const right = Math.max(...cover.map((r) => r.x + r.width));
  const bottom = Math.max(...cover.map((r) => r.y + r.height));
  // A page of less than a few pixels gets a frame around it that can be seen.
  const grow = Math.max(1, (7 - (right - x)) / 2);
  const box = { x: x - grow, y: y - grow, width: right - x + 2 * grow, height: bottom - y + 2 * grow };
  if (!overlaps(box, size)) return;
  ctx.lineWidth = mark.look === 'selected' ? 4 : 3;
  ctx.strokeStyle = colours.background;
  ctx.strokeRect(box.x, box.y, box.width, box.height);
  ctx.lineWidth = mark.look === 'selected' ? 2 : 1;
  ctx.strokeStyle = mark.look === 'selected' ? colours.accent : colours.text;
  ctx.strokeRect(box.x, box.y, box.width, box.height);
}

/** Names of the parts that are large enough to bear one, in their corner. */
function drawTitles(ctx: DrawingContext, size: { width: number; height: number }, map: MapDrawing): void {
  const { placement, view, colours } = map;
  if (view.scale >= TEXT_FROM) return;
  ctx.font = colours.font;
  ctx.textBaseline = 'top';
  placement.parts.forEach((part, index) => {
    const box = toScreen(view, part);
    const title = map.titles[index] ?? '';
    // It must not hide much of what it names.
    if (!overlaps(box, size) || box.width * box.height < 60 * 16 * LETTER * title.length) return;
    const shown = cut(title, box.width - 12);
    const x = Math.max(box.x, 0) + 2;
    const y = Math.max(box.y, 0) + 2;
    ctx.globalAlpha = 0.8;
    ctx.fillStyle = colours.background;
    ctx.fillRect(x, y, shown.length * LETTER + 8, 16);
    ctx.globalAlpha = 1;
    ctx.fillStyle = colours.text;
    ctx.fillText(shown, x + 4, y + 2);
  });
}

/** The frame that shows the whole map with some room around it. */
export function fit(placement: Placement, size: { width: number; height: number }, room = 6): MapView {
  return fitRect({ x: 0, y: 0, width: placement.width, height: placement.height }, size, room);
}

export function fitRect(rect: Rect, size: { width: number; height: number }, room = 6): MapView {
  const scale = Math.max(1e-6, Math.min((size.width - 2 * room) / rect.width, (size.height - 2 * room) / rect.height));
  return {
    x: rect.x + rect.width / 2 - size.width / scale / 2,
    y: rect.y + rect.height / 2 - size.height / scale / 2,
    scale
  };
}
