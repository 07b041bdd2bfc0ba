import { expect, test, describe } from 'vitest';
import { infoRegisters } from '../../../../src/lib/emulator/monitor/info-registers.ts';
import { qemus } from '../../../../scripts/qemu/qemu.mjs';
import { withMachine } from '../../../../scripts/qemu/machine.mjs';
import { goldens, withState, type Golden } from '../../../support/golden.ts';
import { metaOf } from '../../../support/resumed.ts';
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { descriptions } from '../../../../src/lib/emulator/descriptions.ts';
import { HostMemory } from '../../../../src/lib/emulator/host/memory.ts';
import { HostPace } from '../../../../src/lib/emulator/host/pace.ts';
import { Machine } from '../../../../src/lib/emulator/machine.ts';
import { planOf } from '../../../../src/lib/emulator/machine-plan.ts';
import { loadVmState } from '../../../../src/lib/emulator/migration/incoming.ts';
import { readSnapshot } from '../../../../src/lib/vmstate/savevm.ts';
import { TcgMachine } from '../../../support/tcg-machine.ts';

const lineOf = (text: string, name: string): string | undefined =>
  text.split('\n').find((line) => line.startsWith(`${name}=`) || line.startsWith(`${name} =`));

test('Real mode shows 32-bit registers and segments without what protected mode makes of them', () => {
  const { cpu } = new TcgMachine();
  cpu.env.set64('regs', 0x1_89ab_cdefn, 3);
  cpu.env.set('seg_flags', 0x9b00, 1);
  cpu.env.set('hflags', 0);
  const lines = infoRegisters(cpu).split('\n');
  expect(lines.slice(0, 2)).toEqual(['', 'CPU#0']);
  expect(lines[2]).toMatch(/^EAX=[\da-f]{8} EBX=89abcdef ECX=[\da-f]{8} EDX=[\da-f]{8}$/);
  expect(lineOf(lines.join('\n'), 'CS')).toMatch(/^CS =[\da-f]{4} [\da-f]{8} [\da-f]{8} 00009b00$/);
  expect(lines.filter((line) => line.startsWith('XMM'))).toHaveLength(4);
});

test.each([
  [0x00af9b00, 'DPL=0 CS64 [-RA]'],
  [0x00cffa00, 'DPL=3 CS32 [-R-]'],
  [0x00009e00, 'DPL=0 CS16 [CR-]'],
  [0x00cff300, 'DPL=3 DS   [-WA]'],
  [0x00009600, 'DPL=0 DS16 [EW-]'],
  [0x00008b00, 'DPL=0 TSS32-busy'],
  [0x00008200, 'DPL=0 LDT']
])('A segment with the flags %s is %s', (flags, shown) => {
  const { cpu } = new TcgMachine();
  cpu.env.set('hflags', 1 << 7);
  cpu.env.set('seg_flags', flags, 3);
  expect(lineOf(infoRegisters(cpu), 'DS')!.slice(-shown.length - 9)).toBe(
    `${flags.toString(16).padStart(8, '0')} ${shown}`
  );
});

test('A segment that is not present ends with its flags', () => {
  const { cpu } = new TcgMachine();
  cpu.env.set('hflags', 1 << 7);
  cpu.env.set('seg_flags', 0x1300, 3);
  expect(lineOf(infoRegisters(cpu), 'DS')).toMatch(/ 00001300$/);
});

test('With AVX on in XCR0 all 256 bits are shown, the highest first', () => {
  const { cpu } = new TcgMachine();
  cpu.env.set64('xcr0', 7n);
  cpu.env.set('hflags', (1 << 15) | (1 << 14));
  const at = (cpu.env.base + cpu.env.offsetOf('xmm')) / 8 + 15 * 4;
  [1n, 2n, 3n, 0xfn << 60n].forEach((value, i) => (cpu.env.u64[at + i] = value));
  expect(lineOf(infoRegisters(cpu), 'YMM15')).toBe(
    'YMM15=f000000000000000 0000000000000003 0000000000000002 0000000000000001'
  );
});

test('TOP is shown beside the status word and in it, and the tags of registers that are not empty', () => {
  const { cpu } = new TcgMachine();
  cpu.env.set('fpstt', 6);
  cpu.env.set('fpus', 0x4100);
  const tags = cpu.env.base + cpu.env.offsetOf('fptags');
  cpu.env.u8.set([1, 1, 1, 1, 1, 1, 0, 0], tags);
  expect(lineOf(infoRegisters(cpu), 'FCW')).toMatch(/ FSW=7100 \[ST=6\] FTW=c0 /);
});

const loaded = (golden: Golden): Promise<Machine> =>
  withState(golden, async (source) => {
    const snapshot = await readSnapshot(source, { descriptions });
    const environment = { host: new HostMemory(), pace: new HostPace(), hostTime: 0n };
    const machine = new Machine(planOf(snapshot).plan!, environment);
    await loadVmState(machine, snapshot);
    return machine;
  });

const seeds = goldens().filter(({ name }) => /^11\.[^/]*\/(pc|linux)-seed$/.test(name));
if (seeds.length === 0) console.warn('SKIPPED: no streams of native QEMU; make them with: npm run golden');

describe.skipIf(seeds.length === 0).each(seeds)('$name', (golden) => {
  test('is shown as native QEMU shows it', { timeout: 120_000 }, async () => {
    const machine = await loaded(golden);
    const folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
    try {
      closeSync(openSync(join(folder, 'disk.raw'), 'w'));
      truncateSync(join(folder, 'disk.raw'), 16 << 20);
      const { qemu, commandLine } = metaOf(golden);
      const native = qemus().find(({ suite }) => suite === qemu.suite);
      const args = [...commandLine.slice(1), '-S', '-incoming', `exec:cat ${golden.state}`];
      await withMachine(
        native!,
        args,
        async (theirs) => {
          while (((await theirs.qmp('query-status')) as { status: string }).status === 'inmigrate')
            await new Promise((resolve) => setTimeout(resolve, 50));
          const text = await theirs.hmp('info registers');
          expect(infoRegisters(machine.cpu)).toBe(text.replaceAll('\r', '').replace(/\n$/, ''));
        },
        { cwd: folder }
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
      machine.destroy();
    }
  });
});
