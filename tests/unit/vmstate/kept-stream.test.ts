/** What is kept of a stream whose pages go into a machine, and how such a reading ends. */
import { describe, expect, test } from 'vitest';
import { KeptSections } from '../../../src/lib/vmstate/kept-stream.ts';
import type { PageSink } from '../../../src/lib/vmstate/ram.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { bytesSource, readRange, sequential } from '../../../src/lib/vmstate/source.ts';
import { u32 } from '../../../src/lib/vmstate/vmstate-types.ts';
import { descriptionTable, fieldsOf, type VMStateDescription } from '../../../src/lib/vmstate/vmstate.ts';
import {
  bytes,
  configuration,
  end,
  EOF,
  EOS,
  full,
  HEADER,
  page,
  part,
  ramStart,
  start,
  u16be,
  u32be,
  u64be,
  zeroPage,
  type Piece
} from '../../support/bytes.ts';

test('Bytes that were kept come back at their places, zeros between them', async () => {
  const kept = new KeptSections();
  kept.keep(Uint8Array.of(1, 2, 3));
  kept.drop(4);
  kept.keep(Uint8Array.of(4, 5));
  expect(kept.size).toBe(9);
  const into = new Uint8Array(12).fill(9);
  expect(await kept.read(1, into)).toBe(8);
  expect([...into]).toEqual([2, 3, 0, 0, 0, 0, 4, 5, 9, 9, 9, 9]);
});

test('Beyond its bound nothing is kept, and that is known', async () => {
  const kept = new KeptSections(4);
  kept.keep(Uint8Array.of(1, 2, 3));
  expect(kept.full).toBe(false);
  kept.keep(Uint8Array.of(4, 5));
  expect([kept.full, kept.size]).toEqual([true, 5]);
  const into = new Uint8Array(5);
  await kept.read(0, into);
  expect([...into]).toEqual([1, 2, 3, 0, 0]);
});

const field = fieldsOf<{ a: number }>();
const vmstate_one: VMStateDescription<{ a: number }> = {
  ...{ name: 'one', version: 1, minimumVersion: 1, fields: [field('a', u32)] }
};
const descriptions = descriptionTable([vmstate_one]);
const PAGES = 4;

/** Reads a stream into four pages. */
async function take(...pieces: Piece[]): Promise<{ snapshot: Snapshot; pages: string; calls: number }> {
  const memory = Array.from({ length: PAGES }, () => new Uint8Array(4096));
  let calls = 0;
  const sink: PageSink = {
    machine: (name) => (name === 'none' ? undefined : `not ${name}`),
    block: ({ idstr }) => (idstr === 'pc.ram' ? undefined : `no ${idstr}`),
    page(_block, index, contents) {
      calls++;
      if (contents) memory[index]!.set(contents);
      else memory[index]!.fill(0);
    },
    contents: (_block, index) => memory[index]!.slice()
  };
  const input = sequential(bytesSource(bytes(...pieces)));
  const snapshot = await readSnapshot({ read: (into: Uint8Array) => input.read(into) }, { descriptions, pages: sink });
  return { snapshot, calls, pages: memory.map((m) => m[4095]).join(' ') };
}
const head = [HEADER, configuration('none')];
const ram = start(0, 'ram', 4, ramStart([['pc.ram', PAGES * 4096]]));
const delta = (offset: number, ...body: number[]): Piece => [u64be(offset | 0x60), 1, u16be(body.length), body];

describe('Pages that go into a machine', () => {
  test('arrive in order, the last one stays, and nothing of them is kept', async () => {
    const { snapshot, pages, calls } = await take(
      ...[head, ram, part(0, page(0, 7, 'pc.ram'), page(4096, 8), page(8192, 9), zeroPage(12288), EOS)],
      ...[part(0, page(0, 5, 'pc.ram'), zeroPage(8192), EOS), end(0, delta(4096, 0xff, 0x1f, 1, 3), EOS)],
      ...[full(1, 'one', 1, u32be(77)), EOF]
    );
    expect(snapshot.problems).toEqual([]);
    expect([pages, calls]).toEqual(['5 3 0 0', 7]);
    expect([snapshot.ram.count, snapshot.ram.bytes, snapshot.rounds]).toEqual([0, 0, []]);
    const one = snapshot.sections.find((s) => s.name === 'one')!;
    expect(one.fields).toMatchObject([{ name: 'a', value: 77 }]);
    expect([...(await readRange(snapshot.bytes, one.bodyStart, one.bodyEnd))]).toEqual([0, 0, 0, 77]);
    const { bodyStart, bodyEnd } = snapshot.sections.find((s) => s.kind === 'part')!;
    expect((await readRange(snapshot.bytes, bodyStart, bodyEnd)).every((byte) => byte === 0)).toBe(true);
  });

  test.each<readonly [string, Piece[], string, number]>([
    ['another machine', [HEADER, configuration('other'), ram], 'not other', 0],
    ['another block', [head, start(0, 'ram', 4, ramStart([['vga', 4096]]))], 'no vga', 0],
    [
      'a page of a block that was not listed',
      [head, ram, part(0, page(0, 7, 'pc.ram'), page(0, 7, 'rom'), page(4096, 7), EOS)],
      'Unknown ramblock "rom", cannot accept migration',
      1
    ],
    [
      'a page beyond its block',
      [head, ram, part(0, page(PAGES * 4096, 7, 'pc.ram'), page(0, 7), EOS)],
      'Illegal RAM offset 0x4000 in pc.ram of 16384 bytes',
      0
    ],
    [
      'a difference from a page that never came',
      [head, ram, part(0, zeroPage(0, 'pc.ram'), delta(4096, 0, 1, 3), EOS)],
      'an XBZRLE delta for page 1, which was never sent',
      2
    ],
    [
      'a difference that is none',
      [head, ram, part(0, zeroPage(0, 'pc.ram'), delta(0, 0, 9, 3), EOS)],
      'Failed to decode XBZRLE page: byte 1: data beyond the page or the delta',
      2
    ]
  ])('%s ends the reading', async (_name, pieces, why, most) => {
    const { snapshot, calls } = await take(...pieces, full(1, 'one', 1, u32be(77)), EOF);
    expect(snapshot.problems.find(({ severity }) => severity === 'fatal')?.message).toBe(why);
    expect(snapshot.sections.some((s) => s.name === 'one')).toBe(false);
    expect(calls).toBeLessThanOrEqual(most);
  });
});
