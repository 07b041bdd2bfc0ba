import { expect, test } from 'vitest';
import { exportSnapshot, type ExportKind } from '../../../src/lib/vmstate/export.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { page, snapshot } from '../../support/snapshots.ts';

async function all(s: Snapshot, kind: ExportKind, block?: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of exportSnapshot(s, kind, block)) parts.push(part);
  return Buffer.concat(parts);
}

test('CSV has a row for each field, quoted where it must be', async () => {
  const s = snapshot({
    sections: [
      {
        name: 'i8254',
        fields: { 'channels[0]': { count: 65536, note: 'a "b", c' }, evil: '=1+1' },
        about: { count: { doc: 'reload value, 16 bits' } }
      },
      { name: '=HYPERLINK("x")', instance: 3, fields: { v: new Uint8Array([1, 2, 0xff]) } }
    ]
  });
  expect((await all(s, 'csv')).toString()).toBe(
    [
      'section,instance,path,type,start,end,value,doc',
      'i8254,0,channels[0].count,uint32,16,20,0x10000,"reload value, 16 bits"',
      'i8254,0,channels[0].note,uint32,20,24,"""a \\""b\\"", c""",',
      'i8254,0,evil,uint32,24,28,"""=1+1""",',
      `"'=HYPERLINK(""x"")",3,v,buffer,49,52,01 02 ff,`,
      ''
    ].join('\r\n')
  );
});

test('a RAM block comes out whole: pages at their place, zeros elsewhere', async () => {
  const s = snapshot({
    blocks: { 'pc.ram': 0x300800 },
    pages: { 'pc.ram:4096': page({ 0: 'one' }), [`pc.ram:${0x200000}`]: [page({ 0: 'old' }), page({ 0: 'new' })] }
  });
  const bytes = await all(s, 'ram-block', 'pc.ram');
  expect(bytes.length).toBe(0x300800);
  expect(bytes.toString('latin1', 4096, 4099)).toBe('one');
  expect(bytes.toString('latin1', 0x200000, 0x200003)).toBe('new');
  expect(bytes.subarray(0, 4096).every((b) => b === 0)).toBe(true);
  await expect(all(s, 'ram-block', 'pc.rom')).rejects.toThrow("there is no RAM block 'pc.rom'");
});

test('JSON and text are those of the command line', async () => {
  const s = snapshot({ machine: 'pc-i440fx-7.2', sections: [{ name: 'cpu_common', fields: { halted: 1 } }] });
  expect(JSON.parse((await all(s, 'json')).toString())).toMatchObject({ sections: [{ name: 'cpu_common' }] });
  expect((await all(s, 'text')).toString()).toContain('halted = 1\n');
});
