import { describe, expect, test } from 'vitest';
import type { SectionInfo } from '../../../../src/lib/emulator/api.ts';
import type { Placed } from '../../../../src/lib/vmstate/vmstate.ts';
import { keysTo, parentOf, treeRows, typeAhead, type TreeRow } from '../../../../src/lib/viz/fields/tree-rows.ts';

function section(index: number, more: Partial<SectionInfo> = {}): SectionInfo {
  const start = index * 100;
  return {
    ...{ index, kind: 'full', name: `dev${index}`, instance: 0, sectionId: index, version: 1, fieldCount: 0 },
    ...{ start, end: start + 100, bodyStart: start + 10, bodyEnd: start + 95, phase: 'switchover' },
    ...more
  } as SectionInfo;
}
const part = (index: number, phase: SectionInfo['phase'] = 'iterate') =>
  section(index, { kind: 'part', name: 'ram', phase, records: [index * 10, index * 10 + 10] });
const leaf = (name: string, start: number, value = 1): Placed => ({
  ...{ name, type: 'uint32', start, end: start + 4, value }
});

const labels = (rows: readonly TreeRow[]) => rows.map((r) => `${'  '.repeat(r.level - 1)}${r.label}`);
const none = () => undefined;

describe('the tree of sections', () => {
  test('is the sections in stream order', () => {
    const rows = treeRows([section(0), section(1, { instance: 2 })], none, new Set());
    expect(labels(rows)).toEqual(['dev0', 'dev1/2']);
    expect(rows.map((r) => [r.position, r.setSize, r.expandable])).toEqual([
      [1, 2, false],
      [2, 2, false]
    ]);
  });

  test('folds parts in a row, by phase', () => {
    const sections = [
      section(0),
      ...Array.from({ length: 5 }, (_, i) => part(i + 1)),
      part(6, 'switchover'),
      section(7)
    ];
    const rows = treeRows(sections, none, new Set());
    expect(labels(rows)).toEqual(['dev0', 'ram: 5 parts', 'ram', 'dev7']);
    expect(rows[1]).toMatchObject({
      value: '50 pages',
      expandable: true,
      selection: { kind: 'range', start: 100, end: 600 }
    });
    expect(treeRows(sections, none, new Set(['r1']))).toHaveLength(9);
  });

  test('leaves two or three parts as they are', () => {
    expect(labels(treeRows([part(0), part(1), part(2)], none, new Set()))).toEqual(['ram', 'ram', 'ram']);
  });

  test('folds a hundred thousand parts so that no list is long', () => {
    const sections = Array.from({ length: 100_000 }, (_, i) => part(i));
    const expanded = new Set<string>();
    for (let step = 0; step < 3; step++) {
      const rows = treeRows(sections, none, expanded);
      expect(Math.max(...rows.map((r) => r.setSize))).toBeLessThanOrEqual(500);
      expanded.add(rows.findLast((r) => r.expandable)!.key);
    }
    expect(treeRows(sections, none, expanded).at(-1)!.end).toBe(10_000_000);
  });

  test('puts what a PACKAGED command holds inside it', () => {
    const packaged = section(0, { kind: 'command', name: 'PACKAGED', sectionId: -1 });
    const rows = treeRows([packaged, section(1, { inside: 0 }), section(2)], none, new Set(['s0']));
    expect(labels(rows)).toEqual(['PACKAGED', '  dev1', 'dev2']);
  });

  test('shows fields with their values, parts inside structs, and waits for them', () => {
    const fields: Placed[] = [
      leaf('count', 10, 7),
      { name: 'channels', type: 'struct', start: 14, end: 22, children: [leaf('[0]', 14), leaf('[1]', 18)] }
    ];
    const sections = [section(0, { fieldCount: 2 })];
    expect(labels(treeRows(sections, none, new Set(['s0'])))).toEqual(['dev0', '  reading fields']);
    const rows = treeRows(sections, () => fields, new Set(['s0', 'f0:channels']));
    expect(labels(rows)).toEqual(['dev0', '  count', '  channels', '    [0]', '    [1]']);
    expect(rows[1]).toMatchObject({ value: '7', selection: { kind: 'field', section: 0, path: 'count' } });
    expect(rows[4]).toMatchObject({ selection: { kind: 'field', section: 0, path: 'channels[1]' } });
  });
});

test('fields of one name are rows of their own', () => {
  const twins = [leaf('unused', 10), leaf('unused', 14), leaf('unused~2', 18), leaf('unused', 22)];
  const rows = treeRows([section(0, { fieldCount: 4 })], () => twins, new Set(['s0']));
  expect(new Set(rows.map((r) => r.key)).size).toBe(5);
});

describe('the way to a selection', () => {
  const fields: Placed[] = [
    leaf('env.cr', 310),
    {
      ...{ name: 'env', type: 'struct', start: 314, end: 330 },
      children: [{ name: 'regs', type: 'uint64', start: 314, end: 330, children: [leaf('[0]', 314), leaf('[1]', 318)] }]
    }
  ];
  const sections = [part(0), part(1), part(2), section(3, { fieldCount: 2 }), ...[4, 5, 6, 7, 8].map((i) => part(i))];
  const fieldsOf = (index: number) => (index === 3 ? fields : undefined);

  test('opens all that is above it', () => {
    expect(keysTo({ kind: 'field', section: 3, path: 'env.regs[1]' }, sections, fieldsOf)).toEqual([
      's3',
      'f3:env',
      'f3:env.regs',
      'f3:env.regs[1]'
    ]);
    expect(keysTo({ kind: 'section', section: 6 }, sections, fieldsOf)).toEqual(['r4', 's6']);
  });

  test('is not taken in by a name that begins alike', () => {
    expect(keysTo({ kind: 'field', section: 3, path: 'env.cr' }, sections, fieldsOf)).toEqual(['s3', 'f3:env.cr']);
  });

  test('does not exist for what is not there', () => {
    expect(keysTo({ kind: 'field', section: 3, path: 'nothing' }, sections, fieldsOf)).toBeUndefined();
    expect(keysTo({ kind: 'section', section: 99 }, sections, fieldsOf)).toBeUndefined();
    expect(keysTo({ kind: 'bytes', start: 0, end: 1 }, sections, fieldsOf)).toBeUndefined();
  });
});

describe('typing in the tree', () => {
  const rows = treeRows(
    ['apic', 'cpu', 'cpu_common', 'acpi'].map((name, i) => section(i, { name })),
    none,
    new Set()
  );
  test('goes to the next row that begins so', () => {
    expect(typeAhead(rows, 0, 'c')).toBe(1);
    expect(typeAhead(rows, 1, 'c')).toBe(2);
    expect(typeAhead(rows, 2, 'c')).toBe(1);
    expect(typeAhead(rows, 1, 'cpu_')).toBe(2);
    expect(typeAhead(rows, 0, 'AC')).toBe(3);
    expect(typeAhead(rows, 0, 'x')).toBeUndefined();
  });
  test('knows the parent of a row', () => {
    const open = treeRows([section(0, { fieldCount: 1 })], () => [leaf('a', 10)], new Set(['s0']));
    expect(parentOf(open, 1)).toBe(0);
    expect(parentOf(open, 0)).toBe(-1);
  });
});
