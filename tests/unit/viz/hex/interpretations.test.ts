import { describe, expect, test } from 'vitest';
import { interpret, textAt } from '../../../../src/lib/viz/hex/interpretations.ts';

const find = (bytes: number[], name: string) => interpret(Uint8Array.from(bytes)).find((row) => row.name === name);

describe('the bytes at a place as every type', () => {
  test('are numbers of both byte orders', () => {
    const bytes = [0xff, 0xfe, 0, 0, 0, 0, 0, 1];
    expect(find(bytes, 'int8')).toMatchObject({ big: '-1', little: '-1' });
    expect(find(bytes, 'uint16')).toMatchObject({ big: '65534', little: '65279' });
    expect(find(bytes, 'uint64')).toMatchObject({ big: '18446181123756130305', little: '72057594037993215' });
    expect(find(bytes, 'bits')?.big).toBe('11111111');
  });

  test('are floats and times', () => {
    expect(find([0x3f, 0x80, 0, 0], 'float32')?.big).toBe('1.0');
    expect(find([0, 0, 0, 0], 'Unix time')?.big).toBe('1970-01-01T00:00:00Z');
    expect(find([0x7f, 0xff, 0xff, 0xff], 'float32')?.big).toBe('NaN');
  });

  test('are only what fits into what is left of the stream', () => {
    expect(interpret(Uint8Array.of(1, 2)).map((row) => row.name)).toEqual(['int8', 'uint8', 'int16', 'uint16', 'bits']);
    expect(interpret(new Uint8Array())).toEqual([]);
  });

  test('are text up to what cannot be printed', () => {
    expect(textAt(Uint8Array.of(0x51, 0x45, 0x56, 0x4d, 0, 0x41))).toBe('QEVM');
    expect(textAt(Uint8Array.of(0))).toBe('');
  });
});
