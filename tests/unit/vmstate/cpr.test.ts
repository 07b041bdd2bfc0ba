import { expect, test } from 'vitest';
import { readCpr } from '../../../src/lib/vmstate/cpr.ts';
import { bytesSource } from '../../../src/lib/vmstate/source.ts';
import { placedAt } from '../../../src/lib/vmstate/vmstate.ts';

const HEADER = [0x51, 0x43, 0x50, 0x52, 0, 0, 0, 1];
/** One element of the list: `name`, id 3, then the descriptor. */
const element = (name: string, fd: number[]): number[] => [
  ...[1, 0, 0, 0, name.length + 1, ...Buffer.from(name), 0],
  ...[0, 0, 0, 3, ...fd]
];
const vfio = [
  ...[5, 21, ...Buffer.from('CprState/vfio devices'), 0, 0, 0, 1],
  ...[1, 0, 0, 0, 5, ...Buffer.from('vf0\0\0'), 0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0, 9, 0]
];
const read = (bytes: number[]): ReturnType<typeof readCpr> => readCpr(bytesSource(Uint8Array.from(bytes)));

test('cpr-transfer passes the descriptors beside the stream', async () => {
  const { fds, problems, fields } = await read([...HEADER, ...element('pc.ram', [0x20]), ...element('x', [0x20]), 0]);
  expect(problems).toEqual([]);
  expect(fds).toMatchObject([
    { name: 'pc.ram', id: 3, fd: -1 },
    { name: 'x', id: 3, fd: -1 }
  ]);
  expect(fields.slice(0, 2)).toMatchObject([
    { name: 'magic', start: 0, end: 4, value: 0x51435052 },
    { name: 'version', start: 4, end: 8, value: 1 }
  ]);
  expect(placedAt(fields, 'fds[0].name')).toMatchObject({ start: 13, end: 20, value: 'pc.ram' });
});

test('cpr-exec gives their numbers', async () => {
  expect((await read([...HEADER, ...element('pc.ram', [0, 0, 0, 17]), 0])).fds).toMatchObject([{ fd: 17 }]);
});

test('VFIO devices come in a subsection', async () => {
  const { vfioDevices, problems } = await read([...HEADER, 0, ...vfio]);
  expect(problems).toEqual([]);
  expect(vfioDevices).toMatchObject([{ name: 'vf0', devid: 2, ioas_id: 8, hwpt_id: 9 }]);
});

test('bad input keeps what could be read', async () => {
  const good = [...HEADER, ...element('pc.ram', [0x20]), ...element('pc.bios', [0x20]), 0, ...vfio];
  for (let n = 0; n < good.length; n++) {
    const { problems } = await read(good.slice(0, n));
    // Without the subsection the state is whole.
    if (n !== good.length - vfio.length) expect(problems.length, String(n)).toBe(1);
  }
  expect((await read([...good.slice(0, 30)])).fields.length).toBe(3);
  expect((await read([1, 2, 3, 4, 0, 0, 0, 1])).problems[0]?.message).toContain('Not a migration stream');
  expect((await read([...HEADER.slice(0, 7), 2])).problems[0]).toMatchObject({ at: 4 });
  expect((await read([...HEADER, 7])).problems[0]).toMatchObject({ at: 8 });
  expect((await read([...HEADER, 1, 0xff, 0xff, 0xff, 0xff])).problems[0]).toMatchObject({ at: 13 });
  expect((await read([...HEADER, 0, 9, 9])).problems[0]?.message).toContain('2 bytes behind the end');
});
