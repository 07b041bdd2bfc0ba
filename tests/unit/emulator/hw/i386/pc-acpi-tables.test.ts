import { expect, test } from 'vitest';
import {
  acpiBuild,
  RSDP_FILE,
  TABLE_FILE,
  type AcpiTables
} from '../../../../../src/lib/emulator/hw/i386/pc-acpi-tables.ts';

const OPTIONS = {
  ...{ below4g: 0x800_0000, pciEnd: 0xfec0_0000, hpet: 0xfed0_0000, pmBase: 0x600, gpeBase: 0xafe0 },
  serials: [[0x3f8, 4]] as const,
  parallel: [0x378, 7] as const
};
/** Of native QEMU 10.2 for `-M pc` (its tests/data/acpi/x86/pc): checksums done, pointers 0. */
const NATIVE = {
  FACP:
    '4641435074000000013b424f434853204258504320202020010000004258504301000000000000000000000001000900b2000000f1f00000' +
    '000600000000000004060000000000000000000008060000e0af0000000000000402000404000000ff0fff0f000000000000000032000000' +
    'a5800000',
  APIC:
    '41504943780000000388424f4348532042585043202020200100000042585043010000000000e0fe010000000008000001000000010c0000' +
    '0000c0fe00000000020a0000020000000000020a0005050000000d00020a0009090000000d00020a000a0a0000000d00020a000b0b000000' +
    '0d000406ff000001',
  HPET: '485045543800000001b4424f43485320425850432020202001000000425850430100000001a28680000000000000d0fe0000000000000000',
  WAET: '57414554280000000139424f43485320425850432020202001000000425850430100000002000000'
};
/** Terms of its DSDT. */
const NATIVE_TERMS = {
  'the slots that interrupts are routed from':
    '120b040bffff004c4e4b4400120b040bffff014c4e4b4100120c040bffff0a024c4e4b4200',
  'the slot of the SCI': '120d040cffff0100004c4e4b5300120d040cffff0100014c4e4b4200120e040cffff01000a024c4e4b4300',
  'whether a link is on': '14134951535401a0097b0a806800a40a09a40a0b',
  'what a link is set to':
    '143649514352090850525230110e0a0b89060009010000000079008a505252300a0550525249a00b95680a80706850525249a450525230',
  'a link':
    '5b824c074c4e4b41085f4849440c41d00c0f085f55494400085f50525311160a13890e000903050000000a0000000b0000007900140f5f53' +
    '544100a4495153545052513014115f444953007d505251300a8050525130140f5f43525300a4495143525052513014175f535253018a680a' +
    '0550525249705052524950525130',
  'the keyboard':
    '5b82344b42445f085f4849440c41d00303085f5354410a0f085f43525311180a154701600060000101470164006400010122020079005b82',
  'the printer port':
    '5b82324c505431085f4849440c41d00400085f55494401085f5354410a0f085f43525311100a0d4701780378030808228000',
  'a serial port':
    '5b8232434f4d31085f4849440c41d00501085f55494401085f5354410a0f085f43525311100a0d4701f803f8030008221000',
  'the clock': '5b82255254435f085f4849440c41d00b00085f43525311100a0d47017000700001082200017900',
  'what the bridge passes on':
    '880d00020c0000000000ff00000000014701f80cf80c0108880d00010c0300000000f70c0000f80c880d00010c030000000dffff000000f3' +
    '871700000c030000000000000a00ffff0b000000000000000200871700000c010000000000000008ffffbffe000000000000c0f6',
  'sleep states': '085f53335f1206040101000008'
};

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1').split('\0')[0]!;

/** What the firmware makes of it: tables at an address, pointers and checksums filled in. */
function linked({ tables, loader, rsdp }: AcpiTables, address: number) {
  const files = new Map([
    [TABLE_FILE, { bytes: tables.slice(), address }],
    [RSDP_FILE, { bytes: rsdp.slice(), address: 0xf_5000 }]
  ]);
  for (let at = 0; at < loader.length; at += 128) {
    const command = loader.subarray(at, at + 128);
    const view = new DataView(command.buffer, command.byteOffset);
    const file = files.get(text(command.subarray(4, 60)))!;
    const target = new DataView(file.bytes.buffer);
    if (view.getUint32(0, true) === 2) {
      const where = view.getUint32(116, true);
      const source = files.get(text(command.subarray(60, 116)))!;
      target.setUint32(where, target.getUint32(where, true) + source.address, true);
    } else if (view.getUint32(0, true) === 3) {
      const [where, start, length] = [60, 64, 68].map((o) => view.getUint32(o, true)) as [number, number, number];
      const sum = file.bytes.subarray(start, start + length).reduce((a, b) => a + b, 0);
      file.bytes[where]! -= sum;
    }
  }
  return { tables: files.get(TABLE_FILE)!.bytes, rsdp: files.get(RSDP_FILE)!.bytes };
}

/** Tables by signature, found as an operating system finds them. */
function found(all: ReturnType<typeof linked>, address: number): Map<string, Uint8Array> {
  const view = new DataView(all.tables.buffer);
  const tableAt = (at: number): Uint8Array => all.tables.subarray(at, at + view.getUint32(at + 4, true));
  const rsdt = tableAt(new DataView(all.rsdp.buffer).getUint32(16, true) - address);
  const pointers = new DataView(rsdt.buffer, rsdt.byteOffset, rsdt.length);
  const names = new Map([[text(rsdt.subarray(0, 4)), rsdt]]);
  for (let at = 36; at < rsdt.length; at += 4) {
    const table = tableAt(pointers.getUint32(at, true) - address);
    names.set(Buffer.from(table.subarray(0, 4)).toString('latin1'), table);
  }
  const fadt = names.get('FACP')!;
  const fixed = new DataView(fadt.buffer, fadt.byteOffset);
  names.set('FACS', tableAt(fixed.getUint32(36, true) - address));
  names.set('DSDT', tableAt(fixed.getUint32(40, true) - address));
  return names;
}

const ADDRESS = 0x7fe_0000;
const all = linked(acpiBuild(OPTIONS), ADDRESS);
const tables = found(all, ADDRESS);
const sumOf = (bytes: Uint8Array): number => bytes.reduce((a, b) => (a + b) & 0xff, 0);

test('every table is found from the root pointer, and adds up to 0', () => {
  expect([...tables.keys()]).toEqual(['RSDT', 'FACP', 'APIC', 'HPET', 'WAET', 'FACS', 'DSDT']);
  for (const [name, table] of tables) if (name !== 'FACS') expect([name, sumOf(table)]).toEqual([name, 0]);
  expect(Buffer.from(all.rsdp).toString('latin1')).toMatch(/^RSD PTR .BOCHS /s);
  expect(sumOf(all.rsdp)).toBe(0);
});

test.each(Object.entries(NATIVE))('%s is as native QEMU makes it', (name, native) => {
  const table = tables.get(name)!.slice();
  if (name === 'FACP') table.fill(0, 36, 44);
  const wanted = Buffer.from(native, 'hex');
  // What pointers add to the checksum.
  table[9] = wanted[9]!;
  expect(Buffer.from(table).toString('hex')).toBe(wanted.toString('hex'));
});

test.each(Object.entries(NATIVE_TERMS))('%s: the same bytes as in native QEMU', (_what, native) => {
  expect(Buffer.from(tables.get('DSDT')!).toString('hex')).toContain(native);
});

test('the facts of the machine decide: no HPET, no ports, registers elsewhere', () => {
  const other = found(
    linked(acpiBuild({ ...OPTIONS, hpet: undefined, serials: [], parallel: undefined, pmBase: 0xb000 }), ADDRESS),
    ADDRESS
  );
  expect(other.has('HPET')).toBe(false);
  const fadt = other.get('FACP')!;
  expect(new DataView(fadt.buffer, fadt.byteOffset).getUint32(76, true)).toBe(0xb008);
  expect(Buffer.from(other.get('DSDT')!).toString('latin1')).not.toMatch(/COM1|LPT1|HPET/);
});
