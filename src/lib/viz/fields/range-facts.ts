/** What lies in a span of the stream, summed up. */
import type { SectionInfo } from '../../emulator/api.ts';
import type { Span } from '../selection.svelte.ts';

interface SectionShare {
  readonly name: string;
  readonly sections: number;
  readonly bytes: number;
  /** First of them. */
  readonly index: number;
}
export interface RangeSum {
  readonly sections: number;
  /** Page records of the RAM sections that lie in the span as a whole, and a part of those that do not. */
  readonly pages: number;
  /** By name, most bytes first. */
  readonly shares: readonly SectionShare[];
}

/** Sections inside a PACKAGED command are counted, the command is not. */
export function sumOf(span: Span, sections: readonly SectionInfo[]): RangeSum {
  const shares = new Map<string, { name: string; sections: number; bytes: number; index: number }>();
  const holders = new Set(sections.map((s) => s.inside));
  let pages = 0;
  let all = 0;
  for (const s of sections) {
    const bytes = Math.min(s.end, span.end) - Math.max(s.start, span.start);
    if (bytes <= 0 || holders.has(s.index)) continue;
    all++;
    if (s.records && s.end > s.start) pages += ((s.records[1] - s.records[0]) * bytes) / (s.end - s.start);
    const name = s.name || s.kind;
    const share = shares.get(name) ?? { name, sections: 0, bytes: 0, index: s.index };
    share.sections++;
    share.bytes += bytes;
    shares.set(name, share);
  }
  return { sections: all, pages: Math.round(pages), shares: [...shares.values()].sort((a, b) => b.bytes - a.bytes) };
}
