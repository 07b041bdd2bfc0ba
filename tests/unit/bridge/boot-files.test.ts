/** What the command line has a machine boot from. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { bootFilesOf } from '../../../src/bridge/boot-files.ts';
import { InputError } from '../../../src/bridge/file-source.ts';
import { OptionError } from '../../../src/lib/emulator/system/qemu-option.ts';
import { parseOptions } from '../../../src/lib/emulator/system/vl.ts';

const folder = mkdtempSync(join(tmpdir(), 'boot-files-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, bytes: Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};
file('bios', new Uint8Array(0x40000).fill(0xf4));
const rom = file('multiboot_dma.bin', Uint8Array.of(0x55, 0xaa));
const module = file('a,b', Uint8Array.of(1, 2));
const multiboot = new Uint8Array(100);
[0x1bad_b002, 0x1_0000, -(0x1bad_b002 + 0x1_0000)].forEach((word, i) =>
  new DataView(multiboot.buffer).setUint32(4 * i, word >>> 0, true)
);
const kernel = file('kernel', multiboot);
const filesOf = (...words: string[]) => bootFilesOf(parseOptions(['-L', folder, '-bios', 'bios', ...words]), false);

describe('-bios', () => {
  test('is looked for in the folders of -L', () => {
    expect(filesOf()?.bios?.length).toBe(0x40000);
    expect(() => filesOf('-bios', 'other')).toThrow(InputError);
  });

  test('none starts the kernel without firmware and its ROMs', () => {
    const files = bootFilesOf(parseOptions(['-bios', 'none', '-kernel', kernel]), false);
    expect([files?.bios, files?.roms.size, files?.linux?.kernel.length]).toEqual([undefined, 0, 100]);
    expect(() => bootFilesOf(parseOptions(['-bios', 'none']), false)).toThrow(/-bios none needs a kernel/);
  });

  test('that is not there is no matter where a state comes in', () => {
    expect(bootFilesOf(parseOptions(['-L', folder, '-bios', 'other']), true)).toBeUndefined();
    expect(bootFilesOf(parseOptions(['-bios', 'none']), true)).toBeUndefined();
  });
});

describe('-kernel', () => {
  test('takes -initrd as modules with their arguments where it is a multiboot kernel', () => {
    const initrd = `${module.replaceAll(',', ',,')} x=1,${rom} y`;
    const files = filesOf('-kernel', kernel, '-initrd', initrd, '-append', 'z');
    expect(files?.linux).toMatchObject({ name: kernel, append: 'z' });
    expect(files?.linux?.modules?.map(({ commandLine, bytes }) => [commandLine, [...bytes]])).toEqual([
      [`${module} x=1`, [1, 2]],
      [`${rom} y`, [0x55, 0xaa]]
    ]);
    expect([...(files?.roms.keys() ?? [])]).toEqual(['multiboot_dma.bin']);
  });

  test('must be there for -initrd and -append', () => {
    expect(() => filesOf('-append', 'x')).toThrow(OptionError);
    expect(() => filesOf('-initrd', rom)).toThrow(/only allowed with -kernel/);
    expect(() => filesOf('-kernel', join(folder, 'nowhere'))).toThrow(InputError);
  });
});

describe('-fw_cfg', () => {
  test('takes a text or a file', () => {
    const files = filesOf('-fw_cfg', 'name=opt/a,string=hello', '-fw_cfg', `opt/b,file=${rom}`);
    expect(
      [...(files?.fwCfgFiles ?? [])].map(([name, bytes]) => [name, Buffer.from(bytes).toString('latin1')])
    ).toEqual([
      ['opt/a', 'hello'],
      ['opt/b', '\x55\xaa']
    ]);
  });

  test.each([
    ['opt/a', 'exactly one of file and string'],
    ['opt/a,string=x,file=y', 'exactly one of file and string'],
    ['string=x', 'name, plus'],
    [`${'n'.repeat(56)},string=x`, 'name too long']
  ])('%s is refused', (value, why) => {
    expect(() => filesOf('-fw_cfg', value)).toThrow(why);
  });
});
