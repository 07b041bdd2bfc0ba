/** Load failures that scripts/fixtures.mjs provoked in native QEMU: we name the same section, and add field or bytes. */
import { describe, expect, test } from 'vitest';
import { descriptions } from '../../../src/lib/emulator/descriptions.ts';
import { explain } from '../../../src/lib/vmstate/explain.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import { fixtures, withFile } from '../../support/fixtures.ts';

/** The section that QEMU's words name, most precise first. */
const named: readonly (readonly [RegExp, string?])[] = [
  [/section or instance '(.*?)' \d+/],
  [/unsupported version \d+ for '(.*?)'/],
  [/footer for (.*?)(?: -|$)/m],
  [/of\s+device '(.*?)'/],
  [/section id \d+\((.*?)\)/],
  [/Machine type received|Capability|UUID received|Configuration section missing/, 'configuration'],
  [/Failed to load vmstate version_id/, 'ram']
];
function namedSection(stderr: string): string | undefined {
  for (const [pattern, name] of named) {
    const match = pattern.exec(stderr);
    if (match) return name ?? match[1];
  }
  return undefined;
}

const failing = fixtures().filter((f) => !f.loaded && f.stderr !== '');

describe.skipIf(failing.length === 0)('load failures of native QEMU (node scripts/fixtures.mjs)', () => {
  test.each(failing)('$name: $change', async ({ state, stderr }) => {
    await withFile(state, async (source) => {
      const snapshot = await readSnapshot(source, { descriptions });
      const [first] = explain(stderr, snapshot);
      expect(first).toMatchObject({ severity: 'fails' });
      const section = namedSection(stderr);
      expect(first!.section?.replace(/\/\d+$/, '')).toBe(section);
      // A field, or bytes that are not simply all of the stream.
      expect(first!.path !== undefined || (first!.start !== undefined && first!.end !== undefined)).toBe(true);
      if (first!.start !== undefined) expect(first!.end! - first!.start).toBeLessThan(Math.max(16, snapshot.end));
      expect(first!.why.length).toBeGreaterThan(20);
    });
  });
});
