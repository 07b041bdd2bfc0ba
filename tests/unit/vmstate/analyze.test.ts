import { expect, test } from 'vitest';
import { analysisText, analyze } from '../../../src/lib/vmstate/analyze.ts';
import { QemuFileWriter } from '../../../src/lib/vmstate/qemu-file.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import { bytesSource } from '../../../src/lib/vmstate/source.ts';

type Json = Record<string, unknown>;
const field = (name: string, type: string, size: number, more: Json = {}): Json => ({ name, type, size, ...more });

/** A stream of one device `dev` with section id 5, without footers, and a RAM section with two blocks. */
function stream(body: readonly number[], json: Json | undefined): Uint8Array {
  const file = new QemuFileWriter();
  file.be32(0x5145564d);
  file.be32(3);
  file.u8(0x07);
  file.be32(2);
  file.text('pc');
  file.u8(0x01);
  file.be32(2);
  file.countedString('ram');
  file.be32(0);
  file.be32(4);
  file.be64(0x3000n | 0x04n);
  for (const [name, pages] of [
    ['pc.ram', 2],
    ['rom', 1]
  ] as const) {
    file.countedString(name);
    file.be64(BigInt(pages * 4096));
  }
  file.be64(0x10n);
  file.u8(0x04);
  file.be32(5);
  file.countedString('dev');
  file.be32(0);
  file.be32(1);
  file.buffer(Uint8Array.from(body));
  file.u8(0);
  if (json) {
    const text = JSON.stringify(json);
    file.u8(6);
    file.be32(text.length);
    file.text(text);
  }
  return file.finish();
}
const device = (fields: readonly Json[], more: Json = {}): Json => ({
  page_size: 4096,
  devices: [{ name: 'dev', instance_id: 0, vmsd_name: 'dev', version: 1, fields, ...more }]
});
const text = async (body: readonly number[], json: Json | undefined): Promise<string> =>
  analysisText(await analyze(await readSnapshot(bytesSource(stream(body, json)))));

// The expected texts below are what analyze-migration.py of QEMU 10.0 printed for the same bytes.
test('integers, truth values, buffers, null pointers, arrays and subsections are written as the script writes them', async () => {
  const inner = { vmsd_name: 'in', version: 1, fields: [field('x', 'uint8', 1)] };
  const body = [
    ...[0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 1, 0],
    ...[1, 2, 0x30, 7, 0, 1, 0, 2, 0xab, 1, 0],
    ...[5, 5, 0x64, 0x65, 0x76, 0x2f, 0x73, 0, 0, 0, 9, 0xff, 0xfe]
  ];
  const json = device(
    [
      field('i', 'int32', 4),
      field('equal', 'uint8 equal', 1),
      field('u', 'uint8', 1),
      field('yes', 'bool', 1),
      field('no', 'bool', 1),
      field('bytes', 'buffer', 2),
      field('p', 'nullptr', 1),
      field('p', 'struct', 1, { struct: inner }),
      field('words', 'uint16', 2, { array_len: 2 }),
      field('odd', 'never heard of', 1),
      field('flags', 'bool', 1, { array_len: 2 }),
      field('none', 'buffer', 0),
      field('empty', 'struct', 0, { struct: { vmsd_name: 'empty', version: 1, fields: [] } })
    ],
    { subsections: [{ vmsd_name: 'dev/s', version: 9, fields: [field('z', 'int16', 2)] }] }
  );
  expect(await text(body, json)).toBe(`{
    "ram (2)": {
        "section sizes": {
            "pc.ram": "0x0000000000002000",
            "rom": "0x0000000000001000"
        }
    },
    "dev (5)": {
        "i": "0xfffffffe (-2)",
        "equal": "0xff (-1)",
        "u": "0xff",
        "yes": true,
        "no": false,
        "bytes": "01 02",
        "p": [
            "nullptr",
            {
                "x": "0x07"
            }
        ],
        "words": [
            "0x0001",
            "0x0002"
        ],
        "odd": "ab",
        "flags": [
            true,
            false
        ],
        "none": "",
        "empty": {},
        "dev/s": {
            "z": "0xfffe (-2)"
        }
    }
}`);
});

test('a list and a temporary are bytes to the script', async () => {
  const element = { vmsd_name: 'one', version: 1, fields: [field('v', 'uint8', 1)] };
  const body = [1, 7, 1, 8, 0, 3, 4];
  const json = device([
    field('q', 'qtailq', 5, element),
    field('t', 'tmp', 2, { ...element, fields: [field('w', 'uint16', 2)] })
  ]);
  expect(JSON.parse(await text(body, json))['dev (5)']).toEqual({ q: '01 07 01 08 00', t: '03 04' });
});

test('names keep their order and are written as ASCII', async () => {
  const json = device(['b', '2', 'a\x7f', '1', '"'].map((name) => field(name, 'uint8', 1)));
  const found = await text([1, 2, 3, 4, 5], json);
  expect(
    found
      .match(/^ {8}".*(?=:)/gm)
      ?.map((line) => line.trim())
      .slice(1)
  ).toEqual(['"b"', '"2"', '"a\\u007f"', '"1"', '"\\""']);
});

test('without a vmdescription a section that nothing explains is an empty text', async () => {
  expect(JSON.parse(await text([1, 2], undefined))['dev (5)']).toBe('');
});
