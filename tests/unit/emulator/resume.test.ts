/**
 * The seed scenario without a page: native QEMU made the state at a shell prompt; the guest goes on in our machine, and
 * what it did here is there when native QEMU takes it back.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { saveVmState } from '../../../src/lib/emulator/migration/outgoing.ts';
import { withMachine } from '../../../scripts/qemu/machine.mjs';
import { qemus } from '../../../scripts/qemu/qemu.mjs';
import { goldens } from '../../support/golden.ts';
import { metaOf, resumed } from '../../support/resumed.ts';

const seeds = goldens().filter(({ name }) => name.endsWith('/linux-seed'));
if (seeds.length === 0) console.warn('SKIPPED: no streams of native QEMU; make them with: npm run golden');

/** busybox asks the terminal where its cursor is. */
const PROMPT = /\n# (\u001b\[6n)?$/;

describe.skipIf(seeds.length === 0).each(seeds)('$name', (golden) => {
  test('the shell answers here, and in native QEMU afterwards', { timeout: 180_000 }, async () => {
    const { machine, report, shell } = await resumed(golden);
    expect(report.problems.filter((p) => p.severity === 'fatal')).toEqual([]);
    machine.start();
    expect(await shell('cat /tmp/before-migration', PROMPT)).toMatch(/^test\n/);
    expect(await shell('echo $((6 * 7)) > /tmp/after; cat /tmp/after', PROMPT)).toMatch(/^42\n/);
    // The disk is read here: nothing of busybox's other applets is in its cache yet.
    expect(await shell('ls -la / | md5sum | cut -c33-', PROMPT)).toMatch(/^ {2}-\n/);
    await machine.stopForMigration();

    const qemu = qemus().find(({ suite }) => suite === metaOf(golden).qemu.suite);
    expect(qemu).toBeDefined();
    const folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
    try {
      const state = join(folder, 'vm.state');
      writeFileSync(state, Buffer.concat([...saveVmState(machine)]));
      machine.destroy();
      const args = [...metaOf(golden).commandLine.slice(1), '-incoming', `exec:cat ${state}`];
      await withMachine(qemu!, args, async (native) => {
        await native.resumed();
        native.type('cat /tmp/before-migration /tmp/after\r');
        await native.waitFor('test\r\n42\r\n', { timeout: 60_000 });
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
