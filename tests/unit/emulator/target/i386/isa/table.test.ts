import iced from 'iced-x86';
import { describe, expect, test } from 'vitest';
import type { Row } from '../../../../../../src/lib/emulator/target/i386/isa/insn.ts';
import { TABLE, rowsWithoutSemantics } from '../../../../../../src/lib/emulator/target/i386/isa/table.ts';
import { encodeRow } from '../../../../../support/encode-row.ts';

const { Decoder, DecoderOptions, FlowControl, RflagsBits } = iced;
const FLAGS = {
  O: RflagsBits.OF,
  S: RflagsBits.SF,
  Z: RflagsBits.ZF,
  A: RflagsBits.AF,
  P: RflagsBits.PF,
  C: RflagsBits.CF
};

const letters = (bits: number): string =>
  Object.entries(FLAGS)
    .filter(([, bit]) => bits & bit)
    .map(([letter]) => letter)
    .join('');
const arithmetic = (flags = ''): string => [...'OSZAPC'].filter((letter) => flags.includes(letter)).join('');

function icedOf(row: Row): InstanceType<typeof iced.Instruction> {
  const bytes = Uint8Array.from(encodeRow(row, row.reg ?? 0));
  return new Decoder(row.mode === 'not64' ? 32 : 64, bytes, DecoderOptions.None).decode();
}
const named = (row: Row): string => `${row.name} ${row.operands.join(',')}`;

describe("iced-x86's facts about the rows", () => {
  /** Counts of 0 leave the flags: what may be left is also used. */
  const BY_COUNT = /^(rol|ror|rcl|rcr|shl|shr|sar|shld|shrd)$/;

  test('flags read, written, undefined', () => {
    const differing = TABLE.filter((row) => {
      if (row.name === 'arpl') return false; // writes Z: iced forgets that
      const insn = icedOf(row);
      const [uses, defines, undefined_] = [row.uses, row.defines, row.undefined].map(arithmetic) as [
        string,
        string,
        string
      ];
      const theirs = letters(insn.rflagsRead);
      return (
        (BY_COUNT.test(row.name) ? ![...theirs].every((flag) => uses.includes(flag)) : uses !== theirs) ||
        defines !== letters(insn.rflagsModified & ~insn.rflagsUndefined) ||
        undefined_ !== letters(insn.rflagsUndefined)
      );
    });
    expect(differing.map(named)).toEqual([]);
  });

  test('what leaves flags at a count of 0 uses all that it changes', () => {
    for (const row of TABLE) {
      if (!BY_COUNT.test(row.name) || row.operands.at(-1) === '1') continue;
      for (const flag of arithmetic(`${row.defines}${row.undefined}`))
        expect(`${row.name} ${row.uses}`).toContain(flag);
    }
  });

  test('control flow ends a block', () => {
    const going = TABLE.filter((row) => icedOf(row).flowControl !== FlowControl.Next && row.ends !== true);
    expect(going.map(named)).toEqual([]);
  });

  test('privileged instructions', () => {
    const differing = TABLE.filter((row) => icedOf(row).isPrivileged !== (row.privileged ?? false));
    // Intel has a mode in which user programs may MONITOR.
    expect(differing.map((row) => row.name)).toEqual(['monitor', 'mwait']);
  });
});

test('features have the names that QEMU gives them on its command line', () => {
  expect(new Set(TABLE.map((row) => row.feature))).toEqual(
    new Set([
      ...[
        undefined,
        'abm',
        'adx',
        'aes',
        'avx',
        'avx2',
        'bmi1',
        'bmi2',
        'cldemote',
        'clflush',
        'clflushopt',
        'clwb',
        'cmov'
      ],
      ...[
        '3dnow',
        '3dnowext',
        'cmpccxadd',
        'cx16',
        'cx8',
        'f16c',
        'fma',
        'fpu',
        'fsgsbase',
        'fxsr',
        'invpcid',
        'mmx',
        'monitor',
        'movbe'
      ],
      ...[
        'pclmulqdq',
        'pku',
        'pni',
        'popcnt',
        'rdpid',
        'rdrand',
        'rdseed',
        'rdtscp',
        'sep',
        'sha-ni',
        'smap',
        'sse',
        'sse2'
      ],
      ...['sse4.1', 'sse4.2', 'sse4a', 'ssse3', 'svm', 'syscall', 'vaes', 'wbnoinvd', 'xsave', 'xsaveopt']
    ])
  );
});

test('rows whose semantics are not among those given are unsupported', () => {
  const all = new Set(TABLE.flatMap((row) => row.semantics ?? []));
  expect(rowsWithoutSemantics(all)).toEqual([]);
  all.delete('salc');
  expect(rowsWithoutSemantics(all).map((row) => row.name)).toEqual(['salc']);
});

test('SSE and VEX forms share their operation, whatever their operands', () => {
  const of = (name: string): unknown => TABLE.find((row) => row.name === name)?.semantics;
  expect(of('vpaddb')).toBe('paddb');
  expect(of('vmovdqu')).toBe('movdqu');
  expect(of('vpermd')).toBe('vpermd');
  expect(of('cmovne')).toBe('cmovcc');
  expect(of('fxsave64')).toBe('fxsave');
});
