// The committed samples hold no code but ours. They are read here by a walk of their RAM section written for this test
// alone, so that it does not depend on the reader it helps to test.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';

interface Sample {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly files: readonly {
    readonly name: string;
    readonly role: string;
    readonly bytes: number;
    readonly sha256: string;
  }[];
  readonly qemu: string;
  readonly commandLine: string;
  readonly packages: readonly string[];
}

const root = new URL('../../', import.meta.url);
const folder = new URL('static/samples/workload/', root);
const image = readFileSync(new URL('guests/workload.bin', root));
const { samples } = JSON.parse(readFileSync(new URL('manifest.json', folder), 'utf8')) as {
  samples: readonly Sample[];
};

const PAGE = 4096;
const ZERO_PAGE = Buffer.alloc(PAGE);

// memory.c and workload.ld: the kernel is loaded at 1 MiB, its tables follow it, the work pages start at 2 MiB.
const KERNEL = 0x100000;
const WORK = 0x200000;

const stateOf = ({ files }: Sample) => {
  const [file] = files.filter(({ role }) => role === 'state');
  if (!file) throw new Error('a sample without state');
  return gunzipSync(readFileSync(new URL(file.name, folder)));
};

/** Addresses of the kernel's parts, from the System.map that comes with the samples. */
const symbols = new Map(
  readFileSync(new URL('System.map', folder), 'latin1')
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ') as [string, string, string])
    .map(([address, , name]) => [name, Number(BigInt(`0x${address}`) & 0x7fffffffn)])
);
const addressOf = (name: string) => symbols.get(name) ?? Number.NaN;

/** Every page sent, in order: the RAM section's records (be64 offset | flags) until the first other section. */
function* pagesOf(stream: Buffer) {
  let at = 8;
  const u8 = () => stream.readUInt8(at++);
  const u32 = () => stream.readUInt32BE((at += 4) - 4);
  const u64 = () => Number(stream.readBigUInt64BE((at += 8) - 8));
  const text = (length: number) => stream.toString('latin1', at, (at += length));
  expect(u8()).toBe(0x07);
  text(u32());
  let block = '';
  for (;;) {
    const type = u8();
    u32();
    if (type === 0x01 || type === 0x04) {
      if (text(u8()) !== 'ram') return;
      u64();
    }
    for (;;) {
      const word = u64();
      const flags = word % PAGE;
      let offset = word - flags;
      if (flags === 0x10) break;
      if (flags === 0x04) {
        while (offset > 0) {
          text(u8());
          offset -= u64();
        }
        continue;
      }
      if (!(flags & 0x20)) block = text(u8());
      if ((flags & ~0x20) === 0x02) {
        expect(u8()).toBe(0);
        yield { block, offset, page: ZERO_PAGE };
      } else {
        expect(flags & ~0x20).toBe(0x08);
        yield { block, offset, page: stream.subarray(at, (at += PAGE)) };
      }
    }
    expect(u8()).toBe(0x7e);
    u32();
  }
}

test('the image is 64 KiB, ends in the reset vector and is a multiboot kernel', () => {
  expect(image.length).toBe(0x10000);
  // jmp rom: a near jump within the last 64 KiB
  expect(image[0xfff0]).toBe(0xe9);
  expect((0xfff3 + image.readInt16LE(0xfff1)) & 0xffff).toBe(0xff00);
  const [magic = 0, flags = 0, checksum = 0, header, load] = [0, 4, 8, 12, 16].map((at) => image.readUInt32LE(at));
  expect(magic).toBe(0x1badb002);
  expect((magic + flags + checksum) >>> 0).toBe(0);
  expect([header, load]).toEqual([KERNEL, KERNEL]);
});

test('the manifest lists the live sample first and says how each was made', () => {
  expect(samples.map(({ id }) => id)).toEqual(['workload', 'workload-idle']);
  for (const sample of samples) {
    expect(sample.title).not.toBe('');
    expect(sample.description).not.toBe('');
    expect(sample.qemu).toMatch(/^\d+\.\d+\.\d+$/);
    expect(sample.commandLine).toMatch(/^qemu-system-x86_64 .*-bios guests\/workload\.bin$/);
    expect(sample.packages).toEqual([]);
  }
});

describe.each(samples.map((sample) => [sample.id, sample] as const))('%s', (id, sample) => {
  const stream = stateOf(sample);

  test('its files have the sizes and hashes of the manifest', () => {
    for (const { name, bytes, sha256 } of sample.files) {
      const content = readFileSync(new URL(name, folder));
      expect(content.length).toBe(bytes);
      expect(createHash('sha256').update(content).digest('hex')).toBe(sha256);
    }
  });

  test('no firmware, ACPI table or path of the machine that made it is named', () => {
    // "kvm aPiC" is the mark in kvmvapic.bin; its other name is also that of a structure in the vmdescription.
    const foreign =
      /SeaBIOS|vgabios|kvm aPiC|iPXE|Etherboot|BOCHS|BXPC|DSDT|FACP|RSD PTR|linuxboot|\/(?:root|home|work|tmp)\//i;
    expect(foreign.exec(stream.toString('latin1'))?.[0]).toBeUndefined();
  });

  test('pc.bios is the image, pc.rom is empty and there is no other block but pc.ram', () => {
    const bios = Buffer.alloc(image.length, 0xff);
    const blocks = new Set<string>();
    for (const { block, offset, page } of pagesOf(stream)) {
      blocks.add(block);
      if (block === 'pc.bios') page.copy(bios, offset);
      if (block === 'pc.rom') expect(page.equals(ZERO_PAGE)).toBe(true);
    }
    expect([...blocks].sort()).toEqual(['pc.bios', 'pc.ram', 'pc.rom']);
    expect(bios.equals(image)).toBe(true);
  });

  test('what pc.ram holds is the kernel, its data and tables, and the lines it writes', () => {
    const codeEnd = addressOf('kernel_data');
    const kernelEnd = addressOf('kernel_end');
    let work = 0;
    for (const { block, offset, page } of pagesOf(stream)) {
      if (block !== 'pc.ram' || page.equals(ZERO_PAGE)) continue;
      expect(offset).toBeGreaterThanOrEqual(KERNEL);
      if (offset < codeEnd) {
        expect(page.equals(image.subarray(offset - KERNEL, offset - KERNEL + PAGE))).toBe(true);
      } else if (offset >= kernelEnd && offset < WORK) {
        // A page table: each entry is empty or present, and maps RAM or the local APIC.
        for (let at = 0; at < PAGE; at += 8) {
          const entry = page.readBigUInt64LE(at);
          const target = Number(entry & 0xffffff000n);
          expect(entry === 0n || (entry & 1n && (target < 0x1000000 || target === 0xfee00000))).toBeTruthy();
        }
      } else if (offset >= WORK) {
        work++;
        const line = page.toString('latin1', 0, 32);
        expect(line).toMatch(/^page 0x[0-9a-f]{5} write 0x[0-9a-f]{10}\n$/);
        expect(parseInt(line.slice(5), 16)).toBe(offset / PAGE);
        // A page caught in the middle of a write is two lines, each repeated; all its lines are of this page.
        const lines = page.toString('latin1').split(/(?<=\n)/);
        expect(lines.every((other) => other.length === 32 && other.startsWith(line.slice(0, 12)))).toBe(true);
      }
    }
    expect(work > 0).toBe(id === 'workload');
  });

  test('its size stays small', () => {
    expect(sample.files.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(300 << 10);
  });
});

test('the live sample sent pages again in several rounds', () => {
  const [live] = samples;
  if (!live) throw new Error('no sample');
  const sends = new Map<string, number>();
  for (const { block, offset } of pagesOf(stateOf(live))) {
    const key = `${block} ${offset}`;
    sends.set(key, (sends.get(key) ?? 0) + 1);
  }
  expect(Math.max(...sends.values())).toBeGreaterThanOrEqual(6);
});
