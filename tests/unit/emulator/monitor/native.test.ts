/** The monitor's `info`, `x` and `xp` of the seed state, line by line as native QEMU 11 prints them. */
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withMachine } from '../../../../scripts/qemu/machine.mjs';
import { qemus } from '../../../../scripts/qemu/qemu.mjs';
import { CowOverlay } from '../../../../src/lib/emulator/block/cow.ts';
import { RawImage } from '../../../../src/lib/emulator/block/raw.ts';
import { hmp } from '../../../../src/lib/emulator/monitor/hmp.ts';
import { bytesSource } from '../../../../src/lib/vmstate/source.ts';
import { goldens } from '../../../support/golden.ts';
import { metaOf, resumed } from '../../../support/resumed.ts';
import type { Machine } from '../../../../src/lib/emulator/machine.ts';

const seeds = goldens().filter(({ name }) => /^11\.[^/]*\/(pc|linux)-seed$/.test(name));
if (seeds.length === 0) console.warn('SKIPPED: no streams of native QEMU; make them with: npm run golden');

const COMMANDS = [
  ...['info status', 'info registers', 'info pic', 'info lapic', 'info mtree', 'info mtree -f', 'info qtree -b'],
  ...['info qtree', 'info pci', 'info block', 'x/8xg $rsp', 'x/4xb $rip', 'xp/12xw 0x1000', 'xp/3dh 0xffff0'],
  ...[
    'x/200i $pc',
    'xp/1i 0x100000000',
    'xp/6c 0xffff0',
    'xp/2ug 0x400',
    'xp/5ob 0x400',
    'xp 0x100000000',
    'x 0x123',
    'p/x $rsp',
    'p/d 5*(2+1)'
  ]
];

describe.skipIf(seeds.length === 0).each(seeds)('$name', (golden) => {
  const theirs = new Map<string, string>();
  let machine: Machine;
  const host = {
    ...{ quit() {}, detaches: false },
    connect: () => Promise.reject(new Error('no')),
    listen: () => Promise.reject(new Error('no'))
  };
  const ours = (command: string): Promise<string> => hmp({ machine, host }, command);
  const lines = (text: string): string[] => text.split('\n');

  beforeAll(async () => {
    machine = (await resumed(golden)).machine;
    for (const { blk } of machine.drives)
      if (!blk.removable && !blk.isInserted)
        blk.insert(new CowOverlay(new RawImage(bytesSource(new Uint8Array(blk.size)))));
    const folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
    try {
      closeSync(openSync(join(folder, 'disk.raw'), 'w'));
      truncateSync(join(folder, 'disk.raw'), 16 << 20);
      const { qemu, commandLine } = metaOf(golden);
      const args = [...commandLine.slice(1), '-S', '-incoming', `exec:cat ${golden.state}`];
      const native = qemus().find(({ suite }) => suite === qemu.suite);
      await withMachine(
        native!,
        args,
        async (qemuMachine) => {
          while (((await qemuMachine.qmp('query-status')) as { status: string }).status === 'inmigrate')
            await new Promise((resolve) => setTimeout(resolve, 50));
          for (const command of COMMANDS)
            theirs.set(command, (await qemuMachine.hmp(command)).replaceAll('\r', '').replace(/\n$/, ''));
        },
        { cwd: folder }
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 120_000);
  afterAll(() => machine?.destroy());

  test.each(COMMANDS.filter((command) => !/mtree|qtree$|block|status|200i/.test(command)))('%s', async (command) => {
    expect(await ours(command)).toBe(theirs.get(command));
  });

  test('x/200i $pc: code in AT&T syntax', async () => {
    // Where the two name an instruction differently, capstone has the name of another.
    const odd = /\b(movslq .*, %e|cltd|cwtl|riz)/;
    const [our, their] = [lines(await ours('x/200i $pc')), lines(theirs.get('x/200i $pc')!)];
    expect(our.filter((line) => !odd.test(line))).toEqual(their.filter((_line, i) => !odd.test(our[i] ?? '')));
    expect(their.length).toBeGreaterThanOrEqual(200);
  });

  test('info status', async () => {
    // What is loaded for looking has not begun yet; QEMU's was to begin by itself, and -S holds it.
    machine.runstate.set('paused');
    expect(await ours('info status')).toBe(theirs.get('info status'));
  });

  /** What is printed of one of QEMU's address spaces. */
  const part = (text: string, title: string): string[] => {
    const all = lines(text);
    const from = all.indexOf(title);
    const end = all.indexOf('', from);
    return all.slice(from, end < 0 ? undefined : end);
  };

  test.each(['I/O', 'memory'])('info mtree: address space %s', async (name) => {
    const title = `address-space: ${name}`;
    expect(part(await ours('info mtree'), title)).toEqual(part(theirs.get('info mtree')!, title));
  });

  test.each(['pc.ram', 'pci', 'pc.bios'])('info mtree: what aliases lead to: %s', async (name) => {
    const title = `memory-region: ${name}`;
    expect(part(await ours('info mtree'), title)).toEqual(part(theirs.get('info mtree')!, title));
  });

  test.each(['io', 'system'])('info mtree -f: what %s comes to', async (root) => {
    const title = ` Root memory region: ${root}`;
    expect(part(await ours('info mtree -f'), title)).toEqual(part(theirs.get('info mtree -f')!, title));
  });

  test('info qtree: buses, devices and their places; QEMU has properties, too', async () => {
    const kept = /^ *(bus:|type |dev:|class |bar |mmio )/;
    const isProperty = /^ *[\w-]+ = /;
    const shown = lines(theirs.get('info qtree')!).filter((line) => kept.test(line) && !isProperty.test(line));
    expect(lines(await ours('info qtree'))).toEqual(shown);
  });

  test("info block: the same drives, in the same order; names of files and devices are QEMU's own", async () => {
    const image = (line: string): string => `an image${line.includes('read-only') ? ', read-only' : ''}`;
    const plain = (text: string): string[] =>
      lines(text).map((line) =>
        line
          .replace(/( {4}Attached to: +).*/, '$1')
          .replace(/^(\S+?)(?: \(#block\d+\))?: [^[].*$/, (_, name: string) => `${name}: ${image(line)}`)
      );
    expect(plain(await ours('info block'))).toEqual(plain(theirs.get('info block')!));
  });
});
