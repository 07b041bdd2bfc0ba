import { describe, expect, test } from 'vitest';
import { analysisText, analyze } from '../../../src/lib/vmstate/analyze.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import { goldens, recorded, withState } from '../../support/golden.ts';

const all = goldens().filter((g) => recorded(g, 'analyze.json') !== undefined);
if (all.length === 0) console.warn('SKIPPED: no streams of native QEMU; make them with: npm run golden');

describe.skipIf(all.length === 0)('the analysis equals that of analyze-migration.py', () => {
  test.each(all)('$name', async (golden) => {
    const script = recorded(golden, 'analyze.json')!;
    const ours = await withState(golden, async (source) => analysisText(await analyze(await readSnapshot(source))));
    expect(JSON.parse(ours)).toEqual(JSON.parse(script));
    expect(ours + '\n').toBe(script);
  });
});
