/** The leaves of a section's fields by their bytes: which colour a byte has, which field it belongs to. */
import { lastUpTo } from '../../vmstate/bisect.ts';
import { leaves, type Placed } from '../../vmstate/vmstate.ts';

const COLOURS = 6;

export interface LeafSpans {
  /** In order of the stream; those without bytes are left out. */
  readonly paths: readonly string[];
  readonly rows: readonly Placed[];
  readonly starts: Float64Array;
}

const cache = new WeakMap<readonly Placed[], LeafSpans>();

/** Made once for each fetched list of fields. */
export function leafSpans(fields: readonly Placed[]): LeafSpans {
  const known = cache.get(fields);
  if (known) return known;
  const all = [...leaves(fields)].filter(({ row }) => row.end > row.start).sort((a, b) => a.row.start - b.row.start);
  const spans = {
    paths: all.map((l) => l.path),
    rows: all.map((l) => l.row),
    starts: Float64Array.from(all, (l) => l.row.start)
  };
  cache.set(fields, spans);
  return spans;
}

/** Number of the leaf at a stream offset, or -1. */
export function leafAt({ starts, rows }: LeafSpans, offset: number): number {
  const at = lastUpTo(starts, offset);
  return at >= 0 && offset < rows[at]!.end ? at : -1;
}

/** What a byte is in the frame of its section. */
export const Paint = { none: 255, framing: 254 } as const;

/** Anything with bytes of its own. */
interface Framed {
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly bodyStart: number;
  readonly bodyEnd: number;
}

/**
 * A colour for each byte of [start, end): 0 to 5 for fields, so that neighbours differ, `framing` for headers and
 * footers of sections, `none` for bytes that nothing names.
 */
export function paint(
  start: number,
  end: number,
  sectionAt: (offset: number) => Framed | undefined,
  fieldsOf: (section: number) => readonly Placed[] | undefined
): Uint8Array {
  const out = new Uint8Array(Math.max(0, end - start)).fill(Paint.none);
  for (let at = start; at < end;) {
    const section = sectionAt(at);
    if (!section) {
      at++;
      continue;
    }
    // Behind its header a PACKAGED command gives way to the sections that it holds.
    const to = Math.min(end, at < section.bodyStart ? section.bodyStart : section.end);
    for (let i = at; i < to; i++) {
      if (i < section.bodyStart || i >= section.bodyEnd) out[i - start] = Paint.framing;
    }
    const fields = fieldsOf(section.index);
    if (fields) {
      const spans = leafSpans(fields);
      for (let i = at; i < to;) {
        const leaf = leafAt(spans, i);
        if (leaf < 0) {
          i++;
          continue;
        }
        const leafEnd = Math.min(to, spans.rows[leaf]!.end);
        out.fill(leaf % COLOURS, i - start, leafEnd - start);
        i = leafEnd;
      }
    }
    at = Math.max(at + 1, to);
  }
  return out;
}
