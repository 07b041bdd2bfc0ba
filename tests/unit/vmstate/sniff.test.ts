import { expect, test } from 'vitest';
import { sniff, type FileKind } from '../../../src/lib/vmstate/sniff.ts';

const text = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));
const at = (offset: number, s: string): Uint8Array => {
  const out = new Uint8Array(4096).fill(1);
  out.set(text(s), offset);
  return out;
};

const cases: [string, Uint8Array, FileKind][] = [
  ['a stream', text('QEVM\0\0\0\x03\x07'), 'qemu-stream'],
  ['gzip', text('\x1f\x8b\x08'), 'gzip'],
  ['zstd', text('\x28\xb5\x2f\xfd\x04'), 'zstd'],
  ['a skippable zstd frame', text('\x50\x2a\x4d\x18\0\0\0\0'), 'zstd'],
  ['xz', text('\xfd7zXZ\0\0\x04'), 'xz'],
  ['libvirt', text('LibvirtQemudSave'), 'libvirt'],
  ['libvirt, unfinished', text('LibvirtQemudPart'), 'libvirt'],
  ['qcow2', text('QFI\xfb\0\0\0\x03'), 'qcow2'],
  ['cpr', text('QCPR\0\0\0\x01'), 'cpr'],
  ['multifd', text('\x11\x22\x33\x44\0\0\0\x01'), 'multifd'],
  ['a return path with PONG', text('\0\x02\0\x04\0\0\0\x01'), 'return-path'],
  ['a return path with a request', text('\0\x03\0\x13' + '\0'.repeat(12) + '\x06pc.ram'), 'return-path'],
  ['a preempt channel', text('\0\0\0\0\x01\x31\x90\x08\x06pc.ram\xe3'), 'preempt'],
  ['bzip2', text('BZh9'), 'compressed'],
  ['lzop', text('\x89LZO\0\r\n\x1a\n'), 'compressed'],
  ['lzma', text('\x5d\0\0\x80\0'), 'compressed'],
  ['zip', text('PK\x03\x04'), 'archive'],
  ['tar', at(257, 'ustar'), 'archive'],
  ['an ELF program', text('\x7fELF\x02\x01\x01' + '\0'.repeat(9) + '\x02\0'), 'elf'],
  ['bzImage', at(0x202, 'HdrS'), 'kernel'],
  ['System.map', text('ffffffff81000000 T _text\n'), 'symbols'],
  ['System.map of 32 bits', text('c1000000 t startup\n'), 'symbols'],
  ['ext4', at(0x438, '\x53\xef'), 'disk'],
  ['a boot sector', at(510, '\x55\xaa'), 'disk'],
  ['VMDK', text('KDMV\x01'), 'disk'],
  ['PNG', text('\x89PNG\r\n'), 'image'],
  ['JSON', text('{"page_size": 4096}'), 'json'],
  ['HTML', text('<!DOCTYPE html><title>404</title>'), 'document'],
  ['text', text('hello\nworld\n'), 'text'],
  ['zeros', new Uint8Array(4096), 'zeros'],
  ['interrupt vectors', Uint8Array.from({ length: 4096 }, (_, i) => [0x53, 0xff, 0, 0xf0][i & 3]!), 'ram'],
  ['an empty file', new Uint8Array(0), 'empty'],
  ['noise', Uint8Array.from({ length: 100 }, (_, i) => (i * 77 + 200) & 255), 'unknown']
];
for (const [name, bytes, kind] of cases) {
  test(`${name} is told by its bytes`, () => {
    const found = sniff(bytes);
    expect(found.kind).toBe(kind);
    expect(found.what).not.toBe('');
  });
}

test('whole pages without a magic may be a RAM file', () => {
  const head = Uint8Array.from({ length: 4096 }, (_, i) => (i * 77 + 200) & 255);
  expect(sniff(head, 64 << 20)).toMatchObject({ kind: 'ram' });
  expect(sniff(head, (64 << 20) + 1)).toMatchObject({ kind: 'unknown' });
});

test('a core dump is told from a kernel', () => {
  expect(sniff(text('\x7fELF\x02\x01\x01' + '\0'.repeat(9) + '\x04\0')).what).toBe('an ELF file, a core dump');
  expect(sniff(text('\x7fELF\x02\x02\x01' + '\0'.repeat(9) + '\0\x02')).what).toBe('an ELF file, a program');
});

test('every short beginning of everything is some kind', () => {
  for (const [, bytes] of cases) for (let n = 0; n < Math.min(40, bytes.length); n++) sniff(bytes.subarray(0, n));
});
