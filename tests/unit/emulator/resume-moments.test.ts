/**
 * States that native QEMU left at other moments than a shell prompt: each goes on here to what it was about to do, and
 * where a shell comes of it, native QEMU takes it back.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Chardev } from '../../../src/lib/emulator/chardev/char.ts';
import { RawImage } from '../../../src/lib/emulator/block/raw.ts';
import { saveVmState } from '../../../src/lib/emulator/migration/outgoing.ts';
import { bytesSource } from '../../../src/lib/vmstate/source.ts';
import { withMachine } from '../../../scripts/qemu/machine.mjs';
import { qemus } from '../../../scripts/qemu/qemu.mjs';
import { goldens, type Golden } from '../../support/golden.ts';
import { metaOf, resumed, type Resumed } from '../../support/resumed.ts';

const moments = (name: string): Golden[] => goldens().filter((golden) => golden.name.endsWith(`/${name}`));
if (moments('moment-load').length === 0) console.warn('SKIPPED: no moment-* of native QEMU; npm run golden makes them');

const PROMPT = /\n# (\u001b\[6n)?$/;

async function running(golden: Golden): Promise<Resumed> {
  const guest = await resumed(golden);
  expect(guest.report.problems.filter((p) => p.severity !== 'note')).toEqual([]);
  guest.machine.start();
  return guest;
}

/** Native QEMU of the same version takes the machine and answers. */
async function handBack(golden: Golden, { machine }: Resumed, typed: string, answer: string): Promise<void> {
  await machine.stopForMigration();
  const qemu = qemus().find(({ suite }) => suite === metaOf(golden).qemu.suite)!;
  const folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
  try {
    const state = join(folder, 'vm.state');
    writeFileSync(state, Buffer.concat([...saveVmState(machine)]));
    await withMachine(
      qemu,
      [...metaOf(golden).commandLine.slice(1), '-incoming', `exec:cat ${state}`],
      async (there) => {
        await there.resumed();
        there.type(typed);
        await there.waitFor(answer, { timeout: 60_000 });
      },
      { cwd: golden.folder }
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe.each(moments('moment-seabios'))('$name', (golden) => {
  test('finds nothing to boot', { timeout: 90_000 }, async () => {
    const { machine, says } = await running(golden);
    await says(/No bootable device/);
    await machine.stop();
    machine.destroy();
  });
});

describe.each(moments('in-flight-virtio-blk-pci'))('$name', (golden) => {
  test('gets the sector that SeaBIOS had asked for, which is no boot sector', { timeout: 90_000 }, async () => {
    const { machine, says } = await running(golden);
    machine.drives
      .find(({ plan }) => plan.id === 'virtio0')!
      .blk.insert(new RawImage(bytesSource(new Uint8Array(16 << 20))));
    await says(/not a bootable disk/);
    await machine.stop();
    machine.destroy();
  });
});

// The e1000 of every PC, and a virtio card: of the newest QEMU.
describe.each([...moments('pc').slice(-1), ...moments('moment-ipxe').slice(-1)])('$name', (golden) => {
  test('iPXE gets an address through its network card, and finds no server', { timeout: 180_000 }, async () => {
    const { machine, says } = await running(golden);
    await says(/net0: 10\.0\.2\.15\/255\.255\.255\.0 gw 10\.0\.2\.2/);
    await says(/Nothing to boot/);
    await machine.stop();
    machine.destroy();
  });
});

describe.each([...moments('moment-real-mode'), ...moments('moment-decompressor')])('$name', (golden) => {
  test('boots on until the kernel speaks', { timeout: 180_000 }, async () => {
    const { machine, says } = await running(golden);
    await says(/Linux version 6\./);
    await says(/BIOS-provided physical RAM map/);
    await machine.stop();
    machine.destroy();
  });
});

describe.each(moments('moment-disk-io'))('$name', (golden) => {
  test('writes what it was about to write, and the copy is the same', { timeout: 180_000 }, async () => {
    const guest = await running(golden);
    await guest.says(/\nsame\n/);
    await guest.machine.stop();
    guest.machine.destroy();
  });
});

describe.each(moments('moment-load'))('$name', (golden) => {
  test('computes what native QEMU computed, here and there again', { timeout: 240_000 }, async () => {
    const guest = await running(golden);
    expect(await guest.says(/(right\n.*){2}/s)).not.toContain('wrong');
    // What was typed before the prompt is thrown away with the program that is interrupted.
    expect(await guest.shell('\x03', PROMPT)).not.toContain('wrong');
    expect(await guest.shell('echo $((6 * 7)) > /tmp/after; cat /tmp/after', PROMPT)).toMatch(/(^|\n)42\n/);

    // The agent's channel, both ways.
    const [[agent, chr]] = [...guest.machine.chardevs].filter(([id]) => id.includes('virtio-console')) as [
      [string, Chardev]
    ];
    let heard = '';
    chr.onOutput = (bytes) => (heard += Buffer.from(bytes).toString());
    guest.machine.input(agent, new TextEncoder().encode('from-host\n'));
    const line = "exec 3<>`ls /dev/vport?p1`; head -n1 <&3; echo from-guest >&3; echo don''e";
    expect(await guest.shell(line, /done\n/)).toContain('from-host\n');
    expect(heard).toBe('from-guest\n');
    await handBack(golden, guest, 'cat /tmp/after\r', '42\r\n');
    guest.machine.destroy();
  });
});
