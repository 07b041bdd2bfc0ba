import { expect, test } from 'vitest';
import { descriptions } from '../../../src/lib/emulator/descriptions.ts';
import { vgaOf } from '../../../src/lib/emulator/vga-plan.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import { goldens, withState } from '../../support/golden.ts';

const streams = goldens().filter(({ name }) => /\/(pc-seed|vga-none|pc-2\.9)$/.test(name));
if (streams.length === 0) console.warn('SKIPPED: no streams of native QEMU; make them with: npm run golden');

test.skipIf(streams.length === 0).each(streams)('The VGA of $name is what QEMU put there', async (golden) => {
  const plan = await withState(golden, async (source) => vgaOf(await readSnapshot(source, { descriptions }), 700));
  if (golden.name.endsWith('vga-none')) expect(plan).toBeUndefined();
  else expect(plan).toMatchObject({ slot: 2, vramSize: 16 << 20, romSize: 0x10000 });
});
