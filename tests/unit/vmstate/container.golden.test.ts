/** Containers around streams of native QEMU: what comes out is what went in. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openContainer } from '../../../src/lib/vmstate/container.ts';
import { readCpr } from '../../../src/lib/vmstate/cpr.ts';
import { blockSource } from '../../../src/lib/vmstate/ram-contents.ts';
import { readReturnPath } from '../../../src/lib/vmstate/return-path.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { bytesSource, readRange, sequential, type ByteStream } from '../../../src/lib/vmstate/source.ts';

const root = fileURLToPath(new URL('../../golden', import.meta.url));
const folders = existsSync(root)
  ? readdirSync(root).flatMap((version) => readdirSync(join(root, version)).map((name) => join(root, version, name)))
  : [];
const whole = folders.filter((folder) => existsSync(join(folder, 'meta.json')));
const having = (file: string, names: RegExp): { name: string; folder: string; path: string }[] =>
  whole
    .map((folder) => ({ name: folder.slice(root.length + 1), folder, path: join(folder, file) }))
    .filter(({ name, path }) => names.test(name) && existsSync(path));

interface BlockHash {
  readonly name: string;
  readonly sha256: string;
}
interface Meta {
  readonly of?: string;
  readonly ram: readonly BlockHash[];
  readonly prepared?: { readonly first: readonly BlockHash[] };
}
const metaOf = (folder: string): Meta => JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8')) as Meta;

async function drain(stream: ByteStream): Promise<Buffer> {
  const chunks = [];
  const piece = new Uint8Array(50_000);
  for (let n; (n = await stream.read(piece)) > 0;) chunks.push(Buffer.from(piece.slice(0, n)));
  return Buffer.concat(chunks);
}

async function sha256(snapshot: Snapshot, name: string): Promise<string> {
  const block = snapshot.ram.block(name)!;
  const memory = blockSource(snapshot, block);
  const hash = createHash('sha256');
  for (let at = 0; at < block.usedLength; at += 1 << 22) hash.update(await readRange(memory, at, at + (1 << 22)));
  return hash.digest('hex');
}

const wrapped = having('state', /\/(gzip|zstd|xz|libvirt|libvirt-gzip)$/);
test.skipIf(wrapped.length > 0)(
  'SKIPPED: no container under tests/golden (npm run golden makes them)',
  () => undefined
);

for (const { name, folder, path } of wrapped) {
  const inside = join(dirname(folder), metaOf(folder).of ?? 'pc', 'state');
  test.runIf(existsSync(inside))(`${name} holds the stream that was put into it`, async () => {
    const expected = readFileSync(inside);
    const bytes = readFileSync(path);
    const opened = await openContainer(bytesSource(bytes), 'vm.state');
    expect(opened.containers).toEqual(name.split('/')[1]!.split('-'));
    expect((await drain(opened.stream)).equals(expected)).toBe(true);
    expect(opened.problems).toEqual([]);

    const piped = await openContainer(sequential(bytesSource(bytes)));
    expect((await drain(piped.stream)).equals(expected)).toBe(true);
  });

  test.runIf(existsSync(inside))(`${name}, cut, gives what comes before and says where`, async () => {
    const expected = readFileSync(inside);
    const bytes = readFileSync(path);
    for (const share of [0.3, 0.6, 0.95]) {
      const cut = Math.floor(bytes.length * share);
      const opened = await openContainer(bytesSource(bytes.subarray(0, cut)));
      const got = await drain(opened.stream);
      expect(got.length).toBeGreaterThan(0);
      expect(got.equals(expected.subarray(0, got.length))).toBe(true);
      if (name.endsWith('/libvirt')) continue;
      expect(opened.problems.map((p) => [p.code, p.severity, p.at])).toEqual([
        ['container-damaged', 'fatal', got.length]
      ]);
      expect(opened.problems[0]!.message).toContain(`byte ${cut}`);
    }
  });
}

for (const { name, path } of having('state', /\/file-offset$/)) {
  test(`${name} is found behind its offset`, async () => {
    const opened = await openContainer(bytesSource(readFileSync(path)));
    expect(opened).toMatchObject({ kind: 'qemu-stream', streamOffset: 4096, containers: [], problems: [] });
    expect((await readRange(opened.random!, 0, 4)).toString()).toBe('81,69,86,77');
  });
}

for (const { name, folder, path } of having('disk.qcow2', /./)) {
  const { ram, prepared } = metaOf(folder);
  test(`${name}: the newest snapshot with a VM state is read`, async () => {
    const snapshot = await readSnapshot(bytesSource(readFileSync(path)));
    expect(snapshot.file.containers).toEqual(['qcow2']);
    expect(snapshot.problems.filter((p) => p.severity !== 'note')).toEqual([]);
    expect(await sha256(snapshot, 'pc.ram')).toBe(ram.find((b) => b.name === 'pc.ram')!.sha256);
  });
  test(`${name}: an older snapshot is read when it is asked for`, async () => {
    const opened = await openContainer(bytesSource(readFileSync(path)), undefined, { snapshot: 'first' });
    expect(opened.notes.join()).toContain('"second"');
    const snapshot = await readSnapshot(opened.random!);
    expect(await sha256(snapshot, 'pc.ram')).toBe(prepared!.first.find((b) => b.name === 'pc.ram')!.sha256);
  });
}

for (const { name, path } of having('cpr', /./)) {
  test(`${name}: the CPR state names the RAM blocks`, async () => {
    const { fds, problems } = await readCpr(bytesSource(readFileSync(path)));
    expect(problems).toEqual([]);
    expect(fds.map((f) => f.name)).toContain('pc.bios');
    // cpr-exec inherits descriptors and sends their numbers, cpr-transfer sends them beside the stream.
    expect(fds.every((f) => (/exec/.test(name) ? f.fd > 2 : f.fd === -1))).toBe(true);
  });
}

for (const { name, path } of having('state-return', /./)) {
  test(`${name}: the return path is read to its end`, async () => {
    const { messages, requests, problems } = await readReturnPath(bytesSource(readFileSync(path)));
    expect(problems).toEqual([]);
    expect(messages.length).toBeGreaterThan(0);
    if (/faults|preempt/.test(name)) expect(requests.filter((r) => r.block === 'pc.ram').length).toBeGreaterThan(0);
  });
}
