import { expect, test } from 'vitest';
import { documentText, pagesByBlock, sectionFilter, type DocumentOptions } from '../../../src/lib/vmstate/document.ts';
import type { Round } from '../../../src/lib/vmstate/snapshot.ts';
import { PAGE, page, snapshot } from '../../support/snapshots.ts';

const sample = snapshot({
  machine: 'pc-i440fx-7.2',
  capabilities: ['x-ignore-shared'],
  blocks: { 'pc.ram': 4 * PAGE, 'pc.rom': PAGE },
  pages: { 'pc.ram:0': [page({ 0: 'one' }), page({ 0: 'two' })], 'pc.ram:8192': new Uint8Array(PAGE) },
  gpas: { 'pc.ram': 0 },
  sections: [
    { name: 'cpu', instance: 1, version: 12, fields: { 'env.eip': 2n ** 53n, 'env.regs': 7n, on: true } },
    { name: '0000:00:03.0/virtio-blk', version: 2, fields: { inner: { data: Uint8Array.of(1, 0xff) } } }
  ]
});

interface Document {
  readonly [key: string]: unknown;
  readonly sections: readonly { readonly name: string; readonly fields: readonly { readonly path: string }[] }[];
}
const documentOf = (options?: DocumentOptions): Document =>
  JSON.parse([...documentText(sample, options)].join('')) as Document;

test('the document has the keys that interface.md names', () => {
  const found = documentOf({ hashes: new Map([['pc.rom', 'ab']]) });
  expect(Object.keys(found)).toEqual(['file', 'stream', 'sections', 'commands', 'ram', 'rounds', 'problems']);
  expect(found.stream).toMatchObject({
    ...{ version: 3, machine: 'pc-i440fx-7.2', pageSize: 4096 },
    configuration: { capabilities: ['x-ignore-shared'] }
  });
  expect(found.ram).toEqual({
    blocks: [
      {
        ...{ name: 'pc.ram', bytes: 4 * PAGE, pageSize: PAGE, gpa: 0 },
        pages: { total: 4, sent: 2, zero: 1, normal: 2, xbzrle: 0, compressed: 0, duplicateSends: 1 }
      },
      {
        ...{ name: 'pc.rom', bytes: PAGE, pageSize: PAGE, sha256: 'ab' },
        pages: { total: 1, sent: 0, zero: 0, normal: 0, xbzrle: 0, compressed: 0, duplicateSends: 0 }
      }
    ]
  });
});

test('fields are leaves with path, type, span and value', () => {
  const cpu = sample.sections.find((s) => s.name === 'cpu')!;
  const [eip, regs, on] = cpu.fields;
  expect(documentOf().sections.find((s) => s.name === 'cpu')).toMatchObject({
    ...{ name: 'cpu', instance: 1, version: 12, kind: 'full', start: cpu.start, end: cpu.end },
    fields: [
      // Beyond what a double holds: as text.
      { path: 'env.eip', type: 'uint64', start: eip!.start, end: eip!.end, value: '9007199254740992' },
      { path: 'env.regs', type: 'uint64', start: regs!.start, end: regs!.end, value: 7 },
      { path: 'on', type: 'bool', start: on!.start, end: on!.end, value: true }
    ]
  });
});

test('a round has its evidence and what was sent in it', () => {
  const round: Omit<Round, 'records'> = {
    ...{ index: 0, evidence: 'section', certain: true, why: 'the bulk pass', start: 40, end: 90, pages: 3, bytes: 50 },
    ...{ zero: 1, normal: 2, xbzrle: 0, compressed: 0, again: 1 }
  };
  const text = [...documentText({ ...sample, rounds: [{ ...round, records: [0, 3] }] })].join('');
  expect((JSON.parse(text) as Document).rounds).toEqual([round]);
});

test('one section can be asked for, by any of its names', () => {
  for (const section of ['virtio-blk', 'virtio-blk/0', '0000:00:03.0/virtio-blk', '0000:00:03.0/virtio-blk/0']) {
    const { sections, ram } = documentOf({ section });
    expect(sections.map((s) => s.name)).toEqual(['0000:00:03.0/virtio-blk']);
    expect(sections[0]!.fields).toMatchObject([{ path: 'inner.data', value: '01ff' }]);
    expect(ram).toBeUndefined();
  }
  expect(documentOf({ section: 'virtio-blk/1' }).sections).toEqual([]);
});

test('without RAM only device state is left', () => {
  const found = documentOf({ noRam: true });
  expect(Object.keys(found)).toEqual(['file', 'stream', 'sections', 'commands', 'problems']);
});

test('a name that ends in a number is not taken apart wrongly', () => {
  const fits = sectionFilter('slot/2');
  expect(fits({ name: 'slot', instance: 2 })).toBe(true);
  expect(fits({ name: 'slot/2', instance: 0 })).toBe(true);
  expect(fits({ name: 'slot', instance: 0 })).toBe(false);
  expect(sectionFilter(undefined)({ name: 'anything', instance: 5 })).toBe(true);
});

test('pages are counted once for their block and again for each later send', () => {
  expect(pagesByBlock(sample)[0]).toMatchObject({ sent: 2, duplicateSends: 1 });
});
