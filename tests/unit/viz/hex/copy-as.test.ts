import { describe, expect, test } from 'vitest';
import { copyForms } from '../../../../src/lib/viz/hex/copy-as.ts';

const bytes = Uint8Array.from([0x51, 0x45, 0x56, 0x4d, 0, 0, 0, 3, 7, 0, 0, 0, 0x0d, 0x70, 0x63, 0x2d, 0x69]);

describe('copied bytes', () => {
  test('are a hex dump as hexdump -C prints it', () => {
    expect(copyForms.dump(bytes, 0x20)).toBe(
      [
        '00000020  51 45 56 4d 00 00 00 03  07 00 00 00 0d 70 63 2d  |QEVM.........pc-|',
        '00000030  69                                                |i|'
      ].join('\n')
    );
  });
  test('are hex, text and a C array', () => {
    expect(copyForms.hex(bytes.subarray(0, 3))).toBe('51 45 56');
    expect(copyForms.text(bytes.subarray(0, 4))).toBe('QEVM');
    expect(copyForms.c(bytes.subarray(3, 5))).toBe('{ 0x4d, 0x00 }');
  });
});
