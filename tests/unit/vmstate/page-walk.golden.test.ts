/** Page walks against native QEMU's `gva2gpa` at the same stop. */
import { describe, expect, test } from 'vitest';
import { descriptions } from '../../../src/lib/emulator/descriptions.ts';
import { mappings, pageTableUse, pagingOf, PhysicalPages, walk } from '../../../src/lib/vmstate/page-walk.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import { goldens, recorded, withState } from '../../support/golden.ts';

interface Answer {
  readonly virtual: string;
  readonly physical?: string;
}

const all = goldens().flatMap((golden) => {
  const text = recorded(golden, 'meta.json');
  const walks = text && (JSON.parse(text) as { found?: { pageWalk?: readonly Answer[] } }).found?.pageWalk;
  return walks ? [{ golden, name: golden.name, walks }] : [];
});

describe.skipIf(all.length === 0)('streams of native QEMU with page walks (npm run golden)', () => {
  test.each(all)('$name translates $walks.length addresses as QEMU did', async ({ golden, walks }) => {
    await withState(golden, async (source) => {
      const s = await readSnapshot(source, { descriptions });
      const pages = new PhysicalPages(s);
      const paging = pagingOf(s)!;
      const ours: Answer[] = [];
      for (const { virtual } of walks) {
        const { gpa } = await walk(pages, paging, BigInt(virtual));
        ours.push({ virtual, ...(gpa === undefined ? {} : { physical: `0x${gpa.toString(16)}` }) });
      }
      expect(ours).toEqual(walks);
    });
  });

  test.each(all)('in $name the list of mappings agrees with the walks', async ({ golden, walks }) => {
    await withState(golden, async (source) => {
      const s = await readSnapshot(source, { descriptions });
      const pages = new PhysicalPages(s);
      const runs = [];
      for await (const run of mappings(pages, pagingOf(s)!)) runs.push(run);
      for (const { virtual, physical } of walks) {
        const gva = BigInt(virtual);
        const run = runs.find((r) => r.gva <= gva && gva < r.gva + BigInt(r.bytes));
        expect(run && `0x${(run.gpa + Number(gva - run.gva)).toString(16)}`, virtual).toBe(physical);
      }
      const use = await pageTableUse(s, pages);
      expect(use.cut).toBe(false);
      expect(use.levels.size).toBeGreaterThan(0);
    });
  });
});
