import { expect, test } from 'vitest';
import { gpaOf, memoryMap, pageAt, physicalSource, rangeAt } from '../../../src/lib/vmstate/memory-map.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { readRange } from '../../../src/lib/vmstate/source.ts';
import { configSpace, page, snapshot } from '../../support/snapshots.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;
const lines = (s: Snapshot): string[] =>
  memoryMap(s).ranges.map(
    (r) =>
      `${r.gpa.toString(16)}-${(r.gpa + r.bytes - 1).toString(16)} ${r.readOnly ? 'rom' : 'ram'} ${r.block} @${r.offset.toString(16)}`
  );
/** All PAM segments show RAM for reading and writing. */
const allRam = { 0x58: 0x33333000, 0x5c: 0x33333333 };

test('a pc splits its memory at 3 GiB once 3.5 GiB are reached, and says what it assumed', () => {
  const pc = (bytes: number) => memoryMap(snapshot({ machine: 'pc-i440fx-7.2', blocks: { 'pc.ram': bytes } })).ranges;
  expect(pc(3.25 * GiB).at(-1)).toMatchObject({ gpa: 0x100000, bytes: 3.25 * GiB - MiB });
  expect(pc(4 * GiB).at(-1)).toMatchObject({ gpa: 4 * GiB, bytes: GiB, offset: 3 * GiB });
  expect(pc(4 * GiB).at(-1)?.assumed).toMatch('max-ram-below-4g');
});

test('machine types up to 1.7 split at 3.5 GiB', () => {
  const { ranges: old } = memoryMap(snapshot({ machine: 'pc-i440fx-1.7', blocks: { 'pc.ram': 4 * GiB } }));
  expect(old.at(-1)).toMatchObject({ gpa: 4 * GiB, bytes: GiB / 2, offset: 3.5 * GiB });
});

test('a q35 splits at 2 GiB once 2.75 GiB are reached', () => {
  const q35 = (bytes: number) => memoryMap(snapshot({ machine: 'pc-q35-10.0', blocks: { 'pc.ram': bytes } })).ranges;
  expect(q35(2.5 * GiB).at(-1)).toMatchObject({ gpa: 0x100000, bytes: 2.5 * GiB - MiB });
  expect(q35(4 * GiB).at(-1)).toMatchObject({ gpa: 4 * GiB, bytes: 2 * GiB, offset: 2 * GiB });
});

test('two memory backends lie one behind the other across the hole', () => {
  const s = snapshot({ machine: 'pc-q35-10.0', blocks: { ram1: 3 * GiB, ram0: GiB } });
  expect(lines(s).slice(-3)).toEqual([
    '100000-3fffffff ram ram0 @100000',
    '40000000-7fffffff ram ram1 @0',
    '100000000-17fffffff ram ram1 @40000000'
  ]);
});

test('before the firmware opens the shadow, option ROMs and the last 128 KiB of the firmware show below 1 MiB', () => {
  const s = snapshot({
    machine: 'pc-i440fx-7.2',
    blocks: { 'pc.ram': 64 * MiB, 'pc.bios': 0x40000, 'pc.rom': 0x20000, 'vga.vram': MiB },
    sections: [{ name: '0000:00:00.0/I440FX', fields: { parent_obj: { config: configSpace({}) } } }]
  });
  expect(lines(s)).toEqual([
    '0-9ffff ram pc.ram @0',
    'c0000-dffff rom pc.rom @0',
    'e0000-fffff rom pc.bios @20000',
    '100000-3ffffff ram pc.ram @100000',
    'fffc0000-ffffffff rom pc.bios @0'
  ]);
});

test('PAM registers open RAM 16 KiB at a time, write-protected in mode 1', () => {
  // 0x59 high nibble: f0000; 0x5a low: c0000, high: c4000.
  const s = snapshot({
    machine: 'pc-i440fx-7.2',
    blocks: { 'pc.ram': MiB, 'pc.bios': 0x40000, 'pc.rom': 0x20000, 'vga.vram': MiB },
    sections: [{ name: '0000:00:00.0/I440FX', fields: { config: configSpace({ 0x58: 0x00311000 }) } }]
  });
  expect(lines(s)).toEqual([
    '0-9ffff ram pc.ram @0',
    'c0000-c3fff rom pc.ram @c0000',
    'c4000-c7fff ram pc.ram @c4000',
    'c8000-dffff rom pc.rom @8000',
    'e0000-effff rom pc.bios @20000',
    'f0000-fffff rom pc.ram @f0000',
    'fffc0000-ffffffff rom pc.bios @0'
  ]);
});

test('video memory lies where its BAR points, and nowhere while memory decoding is off', () => {
  const vga = (words: Record<number, number>) =>
    memoryMap(
      snapshot({
        machine: 'pc-i440fx-7.2',
        blocks: { 'pc.ram': MiB, '0000:00:02.0/vga.vram': 16 * MiB, '0000:00:02.0/vga.rom': 0x10000 },
        sections: [{ name: '0000:00:02.0/vga', fields: { dev: { config: configSpace(words) } } }]
      })
    );
  const on = vga({ 4: 2, 0x10: 0xfd000008, 0x30: 0xfeb00000 });
  expect(on.ranges.at(-1)).toMatchObject({ gpa: 0xfd000000, bytes: 16 * MiB, block: '0000:00:02.0/vga.vram' });
  expect(on.unmapped).toEqual([{ block: '0000:00:02.0/vga.rom', why: 'expansion ROM BAR is not enabled' }]);
  expect(vga({ 4: 0, 0x10: 0xfd000008 }).unmapped[0]).toMatchObject({ why: 'BAR0 is not enabled' });
});

test('a 64-bit BAR uses two registers', () => {
  const s = snapshot({
    machine: 'pc-q35-10.0',
    blocks: { 'pc.ram': MiB, '0000:00:01.0/vga.vram': 16 * MiB },
    sections: [{ name: '0000:00:01.0/vga', fields: { config: configSpace({ 4: 2, 0x10: 0xc, 0x14: 8 }) } }]
  });
  expect(memoryMap(s).ranges.at(-1)?.gpa).toBe(8 * 2 ** 32);
});

test('video memory of a VMware adapter is behind BAR1', () => {
  const s = snapshot({
    machine: 'pc-i440fx-7.2',
    blocks: { 'pc.ram': MiB, '0000:00:02.0/vga.vram': 16 * MiB },
    sections: [
      { name: '0000:00:02.0/vmware_vga', fields: { c: configSpace({ 0: 0x040515ad, 4: 2, 0x14: 0xfd000008 }) } }
    ]
  });
  expect(memoryMap(s).ranges.at(-1)).toMatchObject({ gpa: 0xfd000000 });
});

test('a DIMM lies behind memory, at a gigabyte', () => {
  const s = snapshot({ machine: 'pc-q35-10.0', blocks: { 'pc.ram': 3 * GiB + MiB, mem1: 128 * MiB } });
  expect(memoryMap(s).ranges.at(-1)).toMatchObject({ gpa: 6 * GiB, bytes: 128 * MiB, block: 'mem1' });
});

test('the firmware of a microvm is not write-protected', () => {
  const s = snapshot({ machine: 'microvm', blocks: { 'microvm.ram': 64 * MiB, 'pc.bios': 0x20000 } });
  expect(lines(s)).toEqual([
    '0-dffff ram microvm.ram @0',
    'e0000-fffff ram pc.bios @0',
    '100000-3ffffff ram microvm.ram @100000',
    'fffe0000-ffffffff ram pc.bios @0'
  ]);
});

test('hostile blocks do not overrun the address space', () => {
  const blocks: Record<string, number> = { 'pc.ram': MiB, 'pc.bios': 3 * GiB, 'system.flash0': 2 * GiB };
  for (let i = 0; i < 3000; i++) blocks[`ram${i}`] = 4096;
  const { ranges } = memoryMap(snapshot({ machine: 'pc-q35-10.0', blocks }));
  expect(ranges.every((r, i) => i === 0 || r.gpa >= ranges[i - 1]!.gpa + ranges[i - 1]!.bytes)).toBe(true);
});

test('what nothing maps is said to be unmapped, with the reason', () => {
  const s = snapshot({ machine: 'pc-i440fx-7.2', blocks: { 'pc.ram': MiB, '/rom@etc/acpi/tables': 0x20000 } });
  expect(memoryMap(s).unmapped).toEqual([{ block: '/rom@etc/acpi/tables', why: 'read by firmware through fw_cfg' }]);
});

test('an unknown machine is laid out from 0 and says so', () => {
  const s = snapshot({ machine: 'virt-9.0', blocks: { 'mach-virt.ram': 5 * GiB } });
  expect(memoryMap(s).ranges).toHaveLength(1);
  expect(memoryMap(s).ranges[0]?.assumed).toMatch("machine type 'virt-9.0' is not known");
});

test('addresses go back and forth between block and guest-physical', () => {
  const s = snapshot({ machine: 'pc-q35-10.0', blocks: { 'pc.ram': 4 * GiB } });
  const map = memoryMap(s);
  expect(gpaOf(map, 'pc.ram', 3 * GiB)).toBe(5 * GiB);
  expect(rangeAt(map, 5 * GiB)).toMatchObject({ block: 'pc.ram' });
  expect(rangeAt(map, 3 * GiB)).toBeUndefined();
  expect(pageAt(s, map, 5 * GiB)).toBe((3 * GiB) / 4096);
});

test('physical reads cross pages and ranges; holes are zeros', async () => {
  const s = snapshot({
    machine: 'pc-i440fx-7.2',
    blocks: { 'pc.ram': MiB },
    pages: { [`pc.ram:${0x9e000}`]: page({ 4092: 'abcd' }), [`pc.ram:${0x9f000}`]: page({ 0: 'efgh', 4094: 'yz' }) },
    sections: [{ name: '0000:00:00.0/I440FX', fields: { config: configSpace(allRam) } }]
  });
  const source = physicalSource(s);
  const text = async (at: number, n: number) => new TextDecoder().decode(await readRange(source, at, at + n));
  expect(await text(0x9effc, 8)).toBe('abcdefgh');
  expect(await text(0x9fffe, 4)).toBe('yz\0\0');
  const large = await readRange(source, 0, MiB);
  expect(new TextDecoder().decode(large.subarray(0x9effc, 0x9f004))).toBe('abcdefgh');
});
