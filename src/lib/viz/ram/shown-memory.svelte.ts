/** What the RAM map shows: which pages, where they lie, what colours them, and which of them a filter lets through. */
import type { RamColouring } from '../../emulator/api.ts';
import { tokenReader } from '../canvas/read-token.svelte.ts';
import { filterOf } from '../filter.svelte.ts';
import { plainHex } from '../format.ts';
import { Loaded } from '../loaded.svelte.ts';
import type { Workspace } from '../workspace.svelte.ts';
import { arrange, pageOfCell, type Spot } from './arrangement.ts';
import { colouringNames, colourings, countValues, paletteOf, valueText } from './page-colors.ts';
import { place, type Layout } from './placement.ts';
import { cellValues, Pyramid } from './pyramid.ts';

/** Make it while a component initialises. */
export class ShownMemory {
  readonly #workspace: Workspace;
  readonly #info = $derived.by(() => this.#workspace.session.info);
  readonly blocks = $derived.by(() => this.#info?.blocks ?? []);
  readonly rounds = $derived.by(() => this.#info?.rounds.length ?? 0);

  readonly layout: Layout = $derived.by(() =>
    this.#workspace.view.get('ram.layout') === 'linear' ? 'linear' : 'hilbert'
  );
  readonly colouring: RamColouring = $derived.by(
    () => colouringNames.find((c) => c === this.#workspace.view.get('ram.colour')) ?? 'kind'
  );
  readonly #wanted = $derived.by(() => this.#workspace.view.get('ram.extent') ?? 'physical');
  readonly #map;
  readonly #column;
  readonly #kinds;
  readonly #lastRounds;
  readonly #sends;
  /** `physical`, `blocks`, or a block. Where nothing says how memory is mapped, blocks are all there is. */
  readonly extent = $derived.by(() => {
    if (this.blocks.some((b) => b.idstr === this.#wanted)) return this.#wanted;
    return this.#wanted === 'physical' && this.#map.value?.length !== 0 ? 'physical' : 'blocks';
  });
  readonly parts = $derived.by(() => arrange(this.extent, this.blocks, this.#map.value ?? []));
  readonly placement = $derived.by(() => place(this.parts, this.layout));

  readonly filter = $derived.by(() => filterOf(this.#workspace));
  /** The round that the filter is, if it is one: RAM is shown as of its end. */
  readonly #round = $derived.by(() => {
    const { filter } = this;
    if (filter?.kind !== 'range') return undefined;
    return this.#info?.rounds.find((r) => r.start === filter.start && r.end === filter.end)?.index;
  });
  /** Non-zero for pages that the filter lets through. */
  readonly #lit = $derived.by(() => {
    const { filter, blocks } = this;
    if (filter?.kind === 'range') return this.#sends.value;
    if (filter?.kind !== 'pages') return undefined;
    const mask = new Uint8Array(blocks.reduce((sum, b) => sum + b.pages, 0));
    for (const [first, end] of filter.runs) mask.fill(1, first, end);
    return mask;
  });

  readonly read = $derived.by(() => tokenReader(this.#workspace.settings));
  readonly palette = $derived.by(() => this.column && paletteOf(this.column, this.read));
  /** Pages that are shown. */
  readonly runs = $derived.by(() => this.parts.flatMap((p) => p.runs));
  /** Blocks that no guest-physical address shows. */
  readonly unmapped = $derived.by(() => {
    if (!this.physical || !this.#map.value) return [];
    const mapped = this.#map.value.map((range) => range.block);
    return this.blocks.filter((b) => b.pages > 0 && !mapped.includes(b.idstr)).map((b) => b.idstr);
  });
  /** How many of them have each value. */
  readonly counts = $derived.by(() => (this.column ? countValues(this.column, this.runs) : new Uint32Array(256)));
  readonly pyramids = $derived.by(() => {
    const { column, parts, placement } = this;
    if (!column) return [];
    const { reduction } = colourings[column.colouring];
    return parts.map(
      (part, i) => new Pyramid(placement.parts[i]!, cellValues(part, column.bytes, this.#lit), reduction)
    );
  });

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
    const { inspector } = workspace;
    this.#map = new Loaded(() => {
      const info = this.#info;
      return info && (() => inspector.memoryMap(info.id));
    });
    this.#column = new Loaded(() => {
      const info = this.#info;
      // Looking into all pages is for when they are all there.
      const colouring = info?.done ? this.colouring : 'kind';
      const round = this.#round;
      return info && (() => inspector.ramColumn(info.id, colouring, round));
    });
    this.#kinds = new Loaded(() => {
      const info = this.#info;
      return info?.done ? () => inspector.ramColumn(info.id, 'kind') : undefined;
    });
    this.#lastRounds = new Loaded(() => {
      const info = this.#info;
      return info?.done && info.rounds.length > 0 ? () => inspector.ramColumn(info.id, 'round') : undefined;
    });
    this.#sends = new Loaded(() => {
      const { filter } = this;
      const id = workspace.session.id;
      return id !== undefined && filter?.kind === 'range'
        ? () => inspector.sends(id, filter.start, filter.end)
        : undefined;
    });
  }

  get column() {
    return this.#column.value;
  }
  /** All pages are being looked into, and a person waits. */
  get slow(): boolean {
    return this.#column.slow;
  }
  get error(): string | undefined {
    return this.#column.error ?? this.#map.error;
  }
  /** What is shown cannot be told by its address: a block's offset, or a guest-physical address. */
  get physical(): boolean {
    return this.extent === 'physical';
  }

  pageAt(spot: Spot | undefined): number | undefined {
    return spot && pageOfCell(this.parts[spot.part]!, spot.cell);
  }
  /** Address of a cell: guest-physical, else the offset in its block. */
  addressOf(spot: Spot): string {
    return plainHex((this.parts[spot.part]!.gpa ?? 0) + spot.cell * 4096);
  }
  /** What colours a page, in words. */
  valueOf(page: number): string {
    const column = this.#column.value;
    return column ? valueText(column, column.bytes[page] ?? 0, this.rounds) : '';
  }
  /** What there is to say about a page at a glance. */
  factsOf(page: number, spot: Spot): string[] {
    const block = this.blocks.findLast((b) => b.firstPage <= page);
    const facts = block ? [`${block.idstr} + ${plainHex((page - block.firstPage) * 4096)}`] : [];
    if (this.physical) facts.push(`gpa ${this.addressOf(spot)}`);
    const kinds = this.#kinds.value;
    const lastRounds = this.#lastRounds.value;
    if (kinds) facts.push(valueText(kinds, kinds.bytes[page] ?? 0, this.rounds));
    if (lastRounds?.bytes[page]) facts.push(`last in ${valueText(lastRounds, lastRounds.bytes[page], this.rounds)}`);
    if (this.colouring !== 'kind' && this.colouring !== 'round') facts.push(this.valueOf(page));
    return facts;
  }
}
