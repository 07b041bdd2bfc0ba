/** Multiboot and PVH kernels: what they are told by the firmware's way is what native QEMU tells them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { findFirmware } from '../../../src/bridge/firmware.ts';
import { boot } from '../../support/boot.ts';
import { bootInfoKernel, noKernels, romQemu, runNative } from '../../support/kernels.ts';

const bios = findFirmware('bios-256k.bin', []);
if (noKernels !== undefined) console.warn(`SKIPPED: ${noKernels}`);
if (!romQemu) console.warn('SKIPPED: no native QEMU; get it with: node scripts/qemu/install.mjs');

const folder = mkdtempSync(join(tmpdir(), 'boot-kernels-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, bytes: Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};
const small = file('small', Uint8Array.of(1, 2, 3, 4, 5, 6));
const large = file(
  'large',
  Uint8Array.from({ length: 20_000 }, (_, i) => (i * 7) & 0xff)
);
/** Status 0x21, as isa-debug-exit makes it. */
const FINE = 0x43;

const machine = ['-M', 'pc-i440fx-10.0', '-m', '64', '-vga', 'none', '-nic', 'none'];
const kernels = {
  multiboot: ['-append', 'one two', '-initrd', `${small} x=1 y,${large}`],
  pvh: ['-append', 'one two', '-initrd', large]
} as const;
const wordsFor = (kind: 'multiboot' | 'pvh'): string[] => [
  ...machine,
  ...['-kernel', bootInfoKernel(kind), ...kernels[kind]]
];

/** What the kernel says here, and its status. */
async function runHere(...words: string[]): Promise<{ text: string; status: number | undefined }> {
  const exit = ['-debugcon', 'null', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'];
  const guest = boot(...exit, ...words);
  try {
    return { status: await guest.exited, text: guest.debugcon() };
  } finally {
    await guest.end();
  }
}

describe.skipIf(noKernels !== undefined || !romQemu)('by the firmware', () => {
  test.each(['multiboot', 'pvh'] as const)(
    'a %s kernel finds what native QEMU gives it',
    async (kind) => {
      const { firmwareArgs } = romQemu!;
      const native = runNative(romQemu!, wordsFor(kind));
      const ours = await runHere(...firmwareArgs, ...wordsFor(kind));
      expect(native.status).toBe(FINE);
      expect(ours).toEqual(native);
    },
    60_000
  );
});

const DIRECT = ['-bios', 'none'];

describe.skipIf(noKernels !== undefined)('without firmware', () => {
  test('a multiboot kernel gets registers, memory map, strings and modules', async () => {
    const { status, text } = await runHere(...DIRECT, ...wordsFor('multiboot'));
    expect(status).toBe(FINE);
    const expected = [
      ...['cr0 11', 'eflags 0', 'code c09000', 'data limit ffffffff', 'bss 0', 'magic 2badb002', 'flags 24f'],
      ...['lower 27f', 'upper fb60', `command line "${bootInfoKernel('multiboot')} one two"`, 'loader "qemu"'],
      ...['length 6', `module's line "${small} x=1 y"`, 'length 4e20', `module's line "${large}"`],
      ...['map 100000', '  bytes 3ed8000']
    ];
    const lines = text.split('\n');
    expect(expected.filter((line) => !lines.includes(line))).toEqual([]);
  });

  test('a PVH kernel gets its start information, with ACPI tables', async () => {
    const { status, text } = await runHere(...DIRECT, ...wordsFor('pvh'));
    expect(status).toBe(FINE);
    const lines = text.split('\n');
    const expected = [
      ...['cr0 11', 'eflags 0', 'code c09000', 'bss 0', 'magic 336ec578', 'version 1', 'rsdp sum 0'],
      ...['command line "one two"', 'length 4e20', 'map 100000', '  bytes 3ed8000']
    ];
    expect(expected.filter((line) => !lines.includes(line))).toEqual([]);
  });

  test('a reset starts the kernel anew, from the memory that it had at first', async () => {
    const guest = boot('-debugcon', 'null', '-device', 'isa-debug-exit,iobase=0xf4', ...DIRECT, ...wordsFor('pvh'));
    await guest.exited;
    await guest.machine.stop();
    const first = guest.debugcon();
    guest.machine.memory.writeBytes(0x10_1000, new Uint8Array(4096).fill(0xff));
    const again = new Promise((resolve) => (guest.machine.onShutdown = resolve));
    guest.machine.reset();
    guest.machine.start();
    await again;
    expect(guest.debugcon()).toBe(first + first);
    await guest.end();
  });
});

describe.skipIf(!bios || noKernels !== undefined)('what cannot be started', () => {
  const elf = noKernels === undefined ? new Uint8Array(readFileSync(bootInfoKernel('pvh'))) : new Uint8Array();
  const patched = (at: number, bytes: readonly number[]): Uint8Array => {
    const copy = elf.slice();
    copy.set(bytes, at);
    return copy;
  };
  const PROGRAM_HEADERS = 52;
  test.each([
    ['no kernel at all', new Uint8Array(10_000), /no bzImage .* no multiboot kernel and no ELF file/],
    ['an empty file', new Uint8Array(0), /no bzImage/],
    ['an ELF file without a PVH note', patched(PROGRAM_HEADERS + 2 * 32, [0]), /without PVH ELF Note/],
    ['an ELF file that is cut off', elf.subarray(0, 200), /outside of the file/],
    ['a segment where no memory is', patched(PROGRAM_HEADERS + 12, [0, 0, 0, 0xf0]), /does not fit into memory/],
    ['a segment larger than memory', patched(PROGRAM_HEADERS + 32 + 20, [0xff, 0xff, 0xff, 0xff]), /does not fit/]
  ])('%s is refused, with firmware and without', (_, bytes, why) => {
    const kernel = file('bad', bytes);
    expect(() => boot(...machine, '-kernel', kernel)).toThrow(why);
    expect(() => boot(...machine, ...DIRECT, '-kernel', kernel)).toThrow(why);
  });

  test('no firmware and no kernel is nothing to start', () => {
    expect(() => boot(...machine, ...DIRECT)).toThrow(/needs a kernel/);
  });
});
