import { describe, expect, test } from 'vitest';
import { Damage } from '../../../src/lib/vmstate/peek-stream.ts';
import { openQcow2, VmState } from '../../../src/lib/vmstate/qcow2.ts';
import { bytesSource, readRange } from '../../../src/lib/vmstate/source.ts';
import { randomly } from '../../support/compressed.ts';
import { qcow2, type Qcow2Options } from '../../support/qcow2.ts';

const state = Uint8Array.from({ length: 5000 }, (_, i) => (i % 300 < 200 ? (i * 31) >> 3 : 0));

async function vmState(options: Qcow2Options): Promise<VmState> {
  const image = bytesSource(qcow2(state, options));
  const opened = await openQcow2(image);
  return new VmState(image, opened, opened.snapshots[0]!);
}

/** The state with some of its clusters, or the last quarter of each, read as zeros. */
const without = (zero: (at: number) => boolean): Buffer => Buffer.from(state.map((b, i) => (zero(i) ? 0 : b)));

describe('the VM state of a snapshot', () => {
  const cases: [string, Qcow2Options, Buffer][] = [
    ['standard clusters', {}, Buffer.from(state)],
    ['standard clusters of version 2', { version: 2 }, Buffer.from(state)],
    ['compressed clusters', { clusters: new Array<'compressed'>(10).fill('compressed') }, Buffer.from(state)],
    [
      'all kinds of clusters',
      { clusters: ['standard', 'zero', 'compressed', 'none', 'standard'] },
      without((at) => [1, 3].includes(at >> 9))
    ],
    ['subclusters', { extended: true }, without((at) => at % 512 >= 384)]
  ];
  for (const [name, options, expected] of cases) {
    test(`${name} are read whole and in any pieces`, async () => {
      const source = await vmState(options);
      expect(source.size).toBe(5000);
      expect(Buffer.from(await readRange(source, 0, 6000)).equals(expected)).toBe(true);
      const random = randomly(3);
      for (let i = 0; i < 100; i++) {
        const from = random(5000);
        const to = from + random(1500);
        expect(Buffer.from(await readRange(source, from, to)).equals(expected.subarray(from, to))).toBe(true);
      }
    });
  }

  test('is named with id, name, date and size', async () => {
    const { snapshots } = await openQcow2(bytesSource(qcow2(state, { names: ['first', 'second'] })));
    expect(snapshots).toMatchObject([
      { id: '1', name: 'first', stateSize: 5000, diskSize: 32768, date: 1_700_000_000_000 },
      { id: '2', name: 'second' }
    ]);
  });

  test('is not larger than its map, whatever it says', async () => {
    expect((await vmState({ stateSize: 2 ** 31 })).size).toBe(32768);
  });
});

describe('images that cannot be opened', () => {
  const cases: [string, (view: DataView) => void, string][] = [
    ['version 4', (v) => v.setUint32(4, 4), 'version 4'],
    ['clusters of 2^40 bytes', (v) => v.setUint32(20, 40), 'clusters of 2^40'],
    ['encryption', (v) => v.setUint32(32, 2), 'encrypted'],
    ['an external data file', (v) => v.setUint32(76, 4), 'external data file'],
    ['unknown features', (v) => v.setUint32(72, 1), 'incompatible features'],
    ['four billion snapshots', (v) => v.setUint32(60, 0xffffffff), '4294967295 snapshots'],
    ['a snapshot table outside of the file', (v) => v.setUint32(64, 0x7fffffff), 'outside of the file'],
    ['an endless snapshot table', (v) => v.setUint32(60, 60000), 'qcow2: ']
  ];
  for (const [name, change, message] of cases) {
    test(`${name}: says so`, async () => {
      const failed = await openQcow2(bytesSource(qcow2(state, { change }))).catch((e: unknown) => e);
      expect(failed).toBeInstanceOf(Damage);
      expect((failed as Damage).message).toContain(message);
    });
  }

  test('changed bytes end in damage or in other contents', async () => {
    const random = randomly(9);
    const good = qcow2(state, { clusters: ['compressed', 'standard', 'compressed'], names: ['a', 'b'] });
    for (let i = 0; i < 2000; i++) {
      const bytes = good.slice();
      for (let k = 0; k < 4; k++) {
        const at = k < 2 ? random(112) : random(bytes.length);
        bytes[at] = random(2) ? random(256) : 255;
      }
      const image = bytesSource(bytes);
      try {
        const opened = await openQcow2(image);
        for (const s of opened.snapshots) await readRange(new VmState(image, opened, s), 0, 10_000);
      } catch (error) {
        expect(error).toBeInstanceOf(Damage);
      }
    }
  });
});
