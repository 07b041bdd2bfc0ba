import { describe, expect, test } from 'vitest';
import { analysisText, analyze } from '../../../src/lib/vmstate/analyze.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import { goldens, recorded, withState } from '../../support/golden.ts';

const all = goldens().filter((g) => recorded(g, 'analyze.json') !== undefined);
if (all.length === 0) console.warn('SKIPPED: no streams of native QEMU; make them with: npm run golden');

/** The first section's key that has another of its name and instance; the script has no way to tell them apart. */
function alike(text: string): string | undefined {
  const keys = Object.keys(JSON.parse(text) as object);
  const isIde = keys.filter((key) => key.startsWith('isa-ide ('));
  return isIde.length > 1 ? `"${isIde[0]}"` : undefined;
}

describe.skipIf(all.length === 0)('the analysis equals that of analyze-migration.py', () => {
  test.each(all)('$name', async (golden) => {
    const script = recorded(golden, 'analyze.json')!;
    const ours = await withState(golden, async (source) => analysisText(await analyze(await readSnapshot(source))));
    const twice = alike(ours);
    if (twice === undefined) {
      expect(JSON.parse(ours)).toEqual(JSON.parse(script));
      expect(ours + '\n').toBe(script);
    } else {
      // From here on the script reads the wrong bytes.
      const upTo = (text: string): string => text.slice(0, text.indexOf(twice));
      expect(upTo(ours)).toBe(upTo(script));
    }
  });
});
