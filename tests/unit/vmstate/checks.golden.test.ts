/** The load doctor's forecast against what native QEMU did: its own streams load, and changed destinations fail as said. */
import { describe, expect, test } from 'vitest';
import { descriptions } from '../../../src/lib/emulator/descriptions.ts';
import { machines } from '../../../src/lib/emulator/hw/i386/machines.ts';
import { check } from '../../../src/lib/vmstate/checks.ts';
import { explain } from '../../../src/lib/vmstate/explain.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import { fixtures, withFile } from '../../support/fixtures.ts';
import { goldens, recorded, withState } from '../../support/golden.ts';

const quoted = (words: readonly string[]): string => words.map((w) => `'${w.replaceAll("'", "'\\''")}'`).join(' ');

interface Meta {
  /** Absent beside what was made from another stream (containers). */
  readonly commandLine?: readonly string[];
  readonly qemu: { readonly version: string };
}
const all = goldens().flatMap((golden) => {
  const text = recorded(golden, 'meta.json');
  const { commandLine, qemu } = (text ? JSON.parse(text) : {}) as Partial<Meta>;
  return commandLine && qemu ? [{ golden, name: golden.name, commandLine, qemuVersion: qemu.version }] : [];
});

describe.skipIf(all.length === 0)('streams of native QEMU (npm run golden)', () => {
  test.each(all)('$name loads into the machine that made it', async ({ golden, commandLine, qemuVersion }) => {
    await withState(golden, async (source) => {
      const s = await readSnapshot(source, { descriptions });
      const destination = { commandLine: quoted(commandLine), qemuVersion };
      const findings = check(s, destination, machines);
      expect(findings.filter((f) => f.severity === 'fails')).toEqual([]);
    });
  });
});

/** What no command line tells: contents of files, what the monitor sets. */
const notTold = /ignore-shared-empty/;
const known = fixtures().filter((f) => !notTold.test(f.name));

describe.skipIf(known.length === 0)('destinations of native QEMU (node scripts/fixtures.mjs)', () => {
  test.each(known)('$name: $change', async ({ state, commandLine, qemu, loaded, stderr }) => {
    await withFile(state, async (source) => {
      const s = await readSnapshot(source, { descriptions });
      const findings = check(s, { commandLine: quoted(commandLine), qemuVersion: qemu }, machines);
      const [first] = findings.filter((f) => f.severity === 'fails');
      if (loaded) {
        expect(first).toBeUndefined();
      } else if (stderr === '') {
        expect(first).toBeDefined();
      } else {
        const [said] = explain(stderr, s);
        expect(first).toBeDefined();
        expect(first!.section).toBe(said!.section);
      }
    });
  });
});
