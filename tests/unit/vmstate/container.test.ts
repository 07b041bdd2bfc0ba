import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openContainer, type OpenedContainer } from '../../../src/lib/vmstate/container.ts';
import { bytesSource, readRange, sequential } from '../../../src/lib/vmstate/source.ts';
import { words, wordsXz, wordsZstd } from '../../support/compressed.ts';
import { qcow2 } from '../../support/qcow2.ts';

/** Enough of a stream for the opener: magic, version, a configuration section. */
const stream = Buffer.concat([Buffer.from('QEVM\0\0\0\x03\x07\0\0\0\x02pc', 'latin1'), words()]);

function libvirt(inner: Uint8Array, format = 0, magic = 'LibvirtQemudSave'): Buffer {
  const xml = Buffer.from('<domain><name>web1</name></domain>\0');
  const header = Buffer.alloc(92);
  header.write(magic, 'latin1');
  [2, xml.length, 1, format].forEach((word, i) => header.writeUInt32LE(word, 16 + 4 * i));
  return Buffer.concat([header, xml, inner]);
}

async function drain({ stream: s }: OpenedContainer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const piece = new Uint8Array(777);
  for (let n; (n = await s.read(piece)) > 0;) chunks.push(Buffer.from(piece.slice(0, n)));
  return Buffer.concat(chunks);
}

describe('containers', () => {
  const cases: [string, Uint8Array, string[], number | undefined][] = [
    ['none', stream, [], 0],
    ['gzip', gzipSync(stream), ['gzip'], undefined],
    ['gzip twice', gzipSync(gzipSync(stream)), ['gzip', 'gzip'], undefined],
    ["libvirt's header", libvirt(stream), ['libvirt'], 127],
    ["gzip behind libvirt's header", libvirt(gzipSync(stream), 1), ['libvirt', 'gzip'], undefined],
    ["libvirt's header inside gzip", gzipSync(libvirt(stream)), ['gzip', 'libvirt'], undefined],
    ['a qcow2 snapshot', qcow2(stream), ['qcow2'], 0],
    ['gzip in a qcow2 snapshot', qcow2(gzipSync(stream)), ['qcow2', 'gzip'], undefined]
  ];
  for (const [name, bytes, containers, offset] of cases) {
    test(`${name}: the stream comes out, from a file and from a pipe`, async () => {
      const opened = await openContainer(bytesSource(bytes));
      expect(opened.kind).toBe('qemu-stream');
      expect(opened.containers).toEqual(containers);
      expect((await drain(opened)).equals(stream)).toBe(true);
      expect(opened.problems).toEqual([]);
      expect(opened.random === undefined).toBe(offset === undefined);
      expect(opened.streamOffset).toBe(offset ?? 0);
      if (opened.random) {
        expect(Buffer.from(await readRange(opened.random, 3, 50)).equals(stream.subarray(3, 50))).toBe(true);
      }
      if (containers[0] === 'qcow2') return;
      const piped = await openContainer(sequential(bytesSource(bytes)));
      expect(piped.containers).toEqual(containers);
      expect(piped.random).toBeUndefined();
      expect((await drain(piped)).equals(stream)).toBe(true);
    });
  }

  test('zstd and xz are opened too; what is in them is named', async () => {
    for (const [bytes, name] of [
      [wordsZstd, 'zstd'],
      [wordsXz, 'xz']
    ] as const) {
      const opened = await openContainer(bytesSource(bytes), 'a.bin');
      expect(opened.containers).toEqual([name]);
      expect(opened.problems[0]).toMatchObject({
        code: 'not-a-stream',
        message: `a.bin is no migration stream: this is a text inside ${name}`
      });
    }
  });

  test('ten inside each other are too many', async () => {
    let bytes: Uint8Array = stream;
    for (let i = 0; i < 10; i++) bytes = gzipSync(bytes);
    expect((await openContainer(bytesSource(bytes))).problems.map((p) => p.code)).toEqual(['container-too-deep']);
  });
});

describe('notes', () => {
  test("libvirt's domain and state", async () => {
    expect((await openContainer(bytesSource(libvirt(stream, 0)))).notes).toEqual([
      'libvirt save image of domain "web1", running when saved, format raw'
    ]);
  });

  test('an unfinished libvirt image is opened with a warning', async () => {
    const opened = await openContainer(bytesSource(libvirt(stream, 0, 'LibvirtQemudPart')));
    expect(opened.problems).toMatchObject([{ code: 'libvirt-partial', severity: 'warning' }]);
    expect((await drain(opened)).equals(stream)).toBe(true);
  });

  test('the newest snapshot is taken, the others are named; one can be chosen by name or id', async () => {
    const image = bytesSource(qcow2(stream, { names: ['boot', 'login'] }));
    const { notes } = await openContainer(image);
    expect(notes[0]).toBe('snapshot "login" (id 2, 2023-11-14 22:13) of the qcow2 image');
    expect(notes[1]).toContain('"boot" (id 1');
    expect((await openContainer(image, '', { snapshot: 'boot' })).notes[0]).toContain('"boot"');
    expect((await openContainer(image, '', { snapshot: '1' })).notes[0]).toContain('"boot"');
    expect(await openContainer(image, '', { snapshot: { id: '1' } })).toMatchObject({
      snapshot: '1',
      snapshots: [{ name: 'boot' }, { name: 'login' }]
    });
    expect((await openContainer(image, '', { snapshot: 'x' })).problems[0]).toMatchObject({ code: 'qcow2-no-state' });
  });

  test('an image without a VM state says so', async () => {
    for (const image of [qcow2(stream, { names: [] }), qcow2(stream, { stateSize: 0 })]) {
      const { problems, kind } = await openContainer(bytesSource(image));
      expect(problems).toMatchObject([{ code: 'qcow2-no-state', severity: 'fatal' }]);
      expect(kind).toBe('qcow2');
    }
  });

  test('a qcow2 image inside gzip must be unpacked first', async () => {
    const { problems } = await openContainer(bytesSource(gzipSync(qcow2(stream))));
    expect(problems).toMatchObject([
      { code: 'qcow2-compressed', message: expect.stringContaining('compressed') as string }
    ]);
    const { problems: piped } = await openContainer(sequential(bytesSource(qcow2(stream))));
    expect(piped).toMatchObject([
      { code: 'qcow2-compressed', hint: 'Name its file: its parts must be read out of order.' }
    ]);
  });
});

describe('damage', () => {
  test('gives what comes before, then one problem with the place in the file', async () => {
    const packed = gzipSync(stream);
    const opened = await openContainer(bytesSource(packed.subarray(0, 300)), 'vm.gz');
    const got = await drain(opened);
    expect(got.length).toBeGreaterThan(100);
    expect(got.equals(stream.subarray(0, got.length))).toBe(true);
    expect(opened.problems).toEqual([
      {
        code: 'container-damaged',
        severity: 'fatal',
        at: got.length,
        message: 'gzip: the file ends inside the compressed data (byte 300 of vm.gz)'
      }
    ]);
  });

  test('behind a header the place still counts from the start of the file', async () => {
    const file = libvirt(gzipSync(stream), 1).subarray(0, 400);
    for (const input of [bytesSource(file), sequential(bytesSource(file))]) {
      const opened = await openContainer(input, 'vm.save');
      await drain(opened);
      expect(opened.problems[0]?.message).toContain('byte 400 of vm.save');
    }
  });

  test('in an inner container it counts in what the outer one gives', async () => {
    const opened = await openContainer(bytesSource(gzipSync(gzipSync(stream).subarray(0, 300))));
    await drain(opened);
    expect(opened.problems[0]?.message).toContain('byte 300 of what gzip gives');
  });

  test('a broken cluster map ends the stream there', async () => {
    const bytes = qcow2(stream, { clusters: ['standard', 'standard', 'compressed'] });
    const image = bytesSource(bytes);
    const good = await openContainer(image);
    expect((await drain(good)).length).toBe(stream.length);
    // The third entry of the L2 table, which is the first cluster behind the header's: its sector lies outside.
    new DataView(bytes.buffer).setUint32(4 * 512 + 2 * 8 + 4, 0x7ffffff0);
    const opened = await openContainer(image);
    const got = await drain(opened);
    expect(got.equals(stream.subarray(0, 1024))).toBe(true);
    expect(opened.problems).toMatchObject([{ code: 'container-damaged', at: 1024 }]);
  });

  test('a header that goes beyond the file', async () => {
    const file = libvirt(stream);
    file.writeUInt32LE(0x7fffffff, 20);
    const opened = await openContainer(bytesSource(file));
    expect(opened.problems).toMatchObject([{ code: 'container-damaged', severity: 'fatal' }]);
    const piped = await openContainer(sequential(bytesSource(file)));
    expect(piped.problems.map((p) => p.code)).toEqual(['not-a-stream']);
  });
});

describe('a stream behind an offset', () => {
  test('is found in the first 64 MiB', async () => {
    for (const before of [4096, (1 << 20) - 4, 3_000_001]) {
      const file = Buffer.concat([Buffer.alloc(before), stream]);
      const opened = await openContainer(bytesSource(file));
      expect(opened).toMatchObject({ kind: 'qemu-stream', streamOffset: before, problems: [] });
      expect((await drain(opened)).equals(stream)).toBe(true);
      const piped = await openContainer(sequential(bytesSource(file)));
      expect((await drain(piped)).equals(stream)).toBe(true);
    }
  });

  test('is not taken for one where the magic alone stands', async () => {
    const file = Buffer.concat([Buffer.alloc(5000), Buffer.from('QEVM\0\0\0\x03\xff', 'latin1'), Buffer.alloc(100)]);
    expect((await openContainer(bytesSource(file))).problems).toMatchObject([{ code: 'not-a-stream' }]);
  });

  test('is not searched in what is known to be something else', async () => {
    const elf = Buffer.concat([Buffer.from('\x7fELF\x02\x01\x01', 'latin1'), Buffer.alloc(5000), stream]);
    expect((await openContainer(bytesSource(elf), 'vmlinux')).problems[0]?.message).toContain(
      'vmlinux is no migration stream: this is an ELF file'
    );
  });
});

test('an empty file, a text and noise are named, and what is there can still be read', async () => {
  const noise = Uint8Array.from({ length: 999 }, (_, i) => (i * 77 + 200) & 255);
  for (const [bytes, what] of [
    [new Uint8Array(0), 'an empty file'],
    [words(), 'a text'],
    [noise, 'nothing that is known here']
  ] as const) {
    const opened = await openContainer(bytesSource(bytes));
    expect(opened.problems).toMatchObject([{ code: 'not-a-stream', severity: 'fatal', at: 0 }]);
    expect(opened.problems[0]?.message).toContain(what);
    expect(opened.problems[0]?.hint).toBeDefined();
    expect((await drain(opened)).length).toBe(bytes.length);
  }
});

test('a folder, which a browser gives as a file that cannot be read, is a problem', async () => {
  const message = 'A requested file or directory could not be found';
  const fails = (): Promise<number> => Promise.reject(new Error(message));
  for (const input of [{ size: 4096, read: fails }, { read: fails }]) {
    const opened = await openContainer(input, 'folder');
    expect(opened.problems).toEqual([
      { code: 'container-damaged', severity: 'fatal', at: 0, message: `cannot be read: ${message} (byte 0 of folder)` }
    ]);
  }
});
