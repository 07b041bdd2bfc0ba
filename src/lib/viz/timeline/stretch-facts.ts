/** The statistics of a stretch as names and values. */
import type { StretchStatistics } from '../../emulator/api.ts';
import { sendClasses } from '../../vmstate/ram-statistics.ts';
import { count, percent } from '../format.ts';

export function stretchFacts(found: StretchStatistics): (readonly [name: string, value: string])[] {
  const { records } = found;
  if (records === 0) return [['RAM', 'no pages']];
  const share = (n: number) => `${count(n)} (${percent(n, records)})`;
  return [
    ['records', count(records)],
    ['pages', count(found.pages)],
    ['repeats', share(found.repeats)],
    ['sent before', share(found.again)],
    ...sendClasses.filter((kind) => found[kind] > 0).map((kind) => [kind, percent(found[kind], records)] as const)
  ];
}
