import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { main } from '../../../src/bridge/cli.ts';
import { qcow2 } from '../../support/qcow2.ts';
import { QemuFileWriter } from '../../../src/lib/vmstate/qemu-file.ts';

let folder = '';
let state = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
  state = join(folder, 'vm.state');
  writeFileSync(state, stream());
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Header, configuration, a page of zeros and one of sevens, and a device that the vmdescription describes. */
function stream(count = 0xfffffffe, fill = 7, pages = true): Uint8Array {
  const file = new QemuFileWriter();
  file.be32(0x5145564d);
  file.be32(3);
  file.u8(0x07);
  file.be32(2);
  file.text('pc');
  const header = (type: number, id: number, name: string, version: number): void => {
    file.u8(type);
    file.be32(id);
    file.countedString(name);
    file.be32(0);
    file.be32(version);
  };
  const footer = (id: number): void => {
    file.u8(0x7e);
    file.be32(id);
  };
  header(0x01, 2, 'ram', 4);
  file.be64(0x2000n | 0x04n);
  file.countedString('pc.ram');
  file.be64(0x2000n);
  file.be64(0x10n);
  footer(2);
  file.u8(0x03);
  file.be32(2);
  if (pages) {
    file.be64(0x0000n | 0x02n);
    file.countedString('pc.ram');
    file.u8(0);
    file.be64(0x1000n | 0x08n | 0x20n);
    file.buffer(new Uint8Array(4096).fill(fill));
  }
  file.be64(0x10n);
  footer(2);
  header(0x04, 5, 'dev', 1);
  file.be32(count);
  footer(5);
  file.u8(0);
  const field = { name: 'count', type: 'int32', size: 4 };
  const json = JSON.stringify({
    page_size: 4096,
    devices: [{ name: 'dev', instance_id: 0, vmsd_name: 'dev', version: 1, fields: [field] }]
  });
  file.u8(6);
  file.be32(json.length);
  file.text(json);
  return file.finish();
}

async function migrascope(...words: string[]): Promise<{ status: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const status = await main(words, {
    out: (text) => ((out += text), Promise.resolve()),
    err: (line) => void (err += `${line}\n`),
    progress: () => undefined
  });
  return { status, out, err };
}

test('inspect prints fields as text', async () => {
  const { status, out, err } = await migrascope('inspect', state);
  expect({ status, err }).toEqual({ status: 0, err: '' });
  expect(out).toContain('machine pc\n');
  expect(out).toContain('section dev/0, version 1\n  count = -2\n');
});

test('inspect prints one JSON document, with RAM hashes where asked', async () => {
  const { status, out } = await migrascope('inspect', '--format=json', '--ram-hash', state);
  expect(status).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    file: { bytes: stream().length, container: 'none' },
    ram: {
      blocks: [
        {
          name: 'pc.ram',
          sha256: 'd4fdf62212d9e5f613f06b9bc74b3ba7e77f3830366e47bc88c0bcc7c8cb0bb1',
          pages: { total: 2, sent: 2 }
        }
      ]
    },
    sections: expect.arrayContaining([
      expect.objectContaining({ name: 'dev', fields: [expect.objectContaining({ path: 'count', value: -2 })] })
    ]),
    problems: []
  });
});

test("inspect prints what QEMU's script prints", async () => {
  const { out } = await migrascope('inspect', '--format', 'analyze', state);
  expect(out).toBe(`{
    "ram (2)": {
        "section sizes": {
            "pc.ram": "0x0000000000002000"
        }
    },
    "dev (5)": {
        "count": "0xfffffffe (-2)"
    }
}
`);
});

test('one section can be picked; one that is not there fails and says what there is', async () => {
  expect((await migrascope('inspect', '--section', 'dev', state)).out.trim().split('\n')).toHaveLength(2);
  const { status, out, err } = await migrascope('inspect', '--section', 'none', state);
  expect({ status, out }).toEqual({ status: 1, out: '' });
  expect(err).toContain('dev/0');
});

/** The memory of `stream()`, as x-ignore-shared leaves it in a file. */
const memory = (fill = 7): Uint8Array => new Uint8Array(8192).fill(fill, 4096);

test('files that belong together are told apart, in any order', async () => {
  const [alone, ram] = [join(folder, 'alone'), join(folder, 'memory')];
  writeFileSync(alone, stream(undefined, undefined, false));
  writeFileSync(ram, memory());
  const hashOf = async (...words: string[]): Promise<string | undefined> =>
    /pc\.ram: sha256 (\w+)/.exec((await migrascope('inspect', '--ram-hash', ...words)).out)?.[1];
  const whole = await hashOf(state);
  expect(whole).toMatch(/^[0-9a-f]{64}$/);
  expect(await hashOf(alone)).not.toBe(whole);
  expect(await hashOf(alone, ram)).toBe(whole);
  expect(await hashOf(ram, alone)).toBe(whole);

  const { status, err } = await migrascope('inspect', ram, alone);
  expect({ status, said: err.split('\n').slice(0, 2) }).toEqual({
    status: 0,
    said: [`${ram}: whole pages without a magic: memory of a guest, or a raw disk`, `${alone}: a QEMU migration stream`]
  });
  expect(await migrascope('diff', state, alone, '--with-b', ram)).toMatchObject({ status: 0, out: '' });
  expect((await migrascope('diff', state, alone)).status).toBe(1);
});

test('what came along and is of no use is named', async () => {
  const notes = join(folder, 'notes.txt');
  writeFileSync(notes, 'hello');
  expect((await migrascope('inspect', state, notes)).err).toContain(`${notes}: a text, not used\n`);
});

test('of an image with several states one can be chosen', async () => {
  const image = join(folder, 'disk.qcow2');
  writeFileSync(image, qcow2(stream(), { names: ['first', 'second'] }));
  expect((await migrascope('inspect', image)).err).toContain('snapshot "second" (id 2');
  expect((await migrascope('inspect', image, '--snapshot', 'first')).err).toContain('snapshot "first" (id 1');
  const { status, err } = await migrascope('inspect', image, '--snapshot', 'third');
  expect(status).toBe(1);
  expect(err).toContain('no snapshot "third" with a VM state');
  expect(err).toContain('There are "first" (id 1');
  expect((await migrascope('diff', image, image, '--snapshot-a', '1', '--snapshot-b', '2')).status).toBe(0);
  expect((await migrascope('inspect', state, '--snapshot', 'first')).err).toContain('vm.state is no qcow2 image');
});

test('a truncated stream gives what could be read, the problem with its place, and status 1', async () => {
  const cut = join(folder, 'cut');
  writeFileSync(cut, stream());
  truncateSync(cut, 60);
  const { status, out, err } = await migrascope('inspect', cut);
  expect(status).toBe(1);
  expect(out).toContain('machine pc');
  expect(err).toMatch(/^fatal at 0x[0-9a-f]+ in ram\/0: /m);
});

test('diff tells fields, then pages, and 1; of equal streams nothing, and 0', async () => {
  const other = join(folder, 'other');
  writeFileSync(other, stream(5, 8));
  expect(await migrascope('diff', state, state)).toEqual({ status: 0, out: '', err: '' });
  expect(await migrascope('diff', state, other)).toEqual({
    status: 1,
    out: `section dev/0
  count: -2 -> 5
memory: 1 page differ
  pc.ram 0x1000-0x1fff: 1 page, 4096 bytes differ
`,
    err: ''
  });
  const json = await migrascope('diff', '--format', 'json', '--no-ram', state, other);
  expect(JSON.parse(json.out)).toMatchObject({ fields: [{ path: 'count', left: '-2', right: '5' }], pages: [] });
});

test.each([
  ['there is no such file', () => join(folder, 'nowhere')],
  ['it is a directory', () => folder],
  ['it is a character device', () => '/dev/null']
])('an input that cannot be read says why: %s', async (reason, path) => {
  const { status, out, err } = await migrascope('inspect', path());
  expect({ status, out }).toEqual({ status: 1, out: '' });
  expect(err).toContain(reason);
});

test.each([
  [['inspect'], 'takes a FILE'],
  [['inspect', '--format', 'xml', 'a'], "not 'xml'"],
  [['inspect', '--format', 'toString', 'a'], "not 'toString'"],
  [['inspect', '--format', 'analyze', '--no-ram', 'a'], 'none of the other options'],
  [['inspect', '--colour', 'a'], '--colour'],
  [['diff', 'a'], 'two files'],
  [['diff', '-', '-'], 'standard input'],
  [['diff', 'a', 'b', '--format', 'xml'], 'xml'],
  [['serve', '--port', 'x'], '--port'],
  [['serve', 'x'], 'takes no'],
  [['system', '-frob'], '-frob: invalid option'],
  [['capture'], 'needs one OUT'],
  [['capture', 'out'], 'needs --listen'],
  [['capture', '--listen', 'exec:cat', 'out'], '--listen takes tcp:HOST:PORT or unix:PATH'],
  [['frobnicate'], 'no subcommand'],
  [[], 'Usage']
])('wrong words are status 2 with a reason: %j', async (words, reason) => {
  const { status, out, err } = await migrascope(...words);
  expect({ status, out }).toEqual({ status: 2, out: '' });
  expect(err).toContain(reason);
});

test('two streams are no one migration, and a pipe stands alone', async () => {
  const twice = await migrascope('inspect', state, state);
  expect(twice.status).toBe(2);
  expect(twice.err).toContain('are a stream each: diff compares two');
  expect((await migrascope('inspect', state, '-')).err).toContain('- is a pipe');
});

test('help is a result', async () => {
  expect((await migrascope('--help')).out).toContain('inspect');
  const { status, out } = await migrascope('inspect', '--help');
  expect(status).toBe(0);
  expect(out).toContain('--ram-hash');
});
