/** What was sent of some pages, as names and values. */
import type { PageRuns, SendStatistics } from '../../emulator/api.ts';
import { sendClasses } from '../../vmstate/ram-statistics.ts';
import { count, percent } from '../format.ts';

export const pagesIn = (runs: PageRuns): number => runs.reduce((sum, [first, end]) => sum + end - first, 0);

/** @param pages how many they are */
export function pagesFacts(pages: number, sent: SendStatistics): (readonly [name: string, value: string])[] {
  const { records } = sent;
  const never = pages - sent.pages;
  const share = (n: number, all: number): string => `${count(n)} (${percent(n, all)})`;
  return [
    ['sent', records === 0 ? 'never' : `${count(records)} times, ${+(records / pages).toFixed(2)} a page`],
    ...(records > 0 && never > 0 ? [['never sent', share(never, pages)] as const] : []),
    ...(sent.again > 0 ? [['sent again', share(sent.again, records)] as const] : []),
    ...sendClasses.filter((kind) => sent[kind] > 0).map((kind) => [kind, share(sent[kind], records)] as const),
    ...(sent.blocks.length > 1 ? sent.blocks.map((b) => [b.block, share(b.records, records)] as const) : [])
  ];
}
