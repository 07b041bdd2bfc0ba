import { expect, test } from 'vitest';
import { sourceAddress } from '../../../../src/lib/viz/fields/source-link.ts';

const blob = 'https://gitlab.com/qemu-project/qemu/-/blob';

test('a file of QEMU is linked in the release of the machine type', () => {
  expect(sourceAddress('hw/timer/i8254.c', 'pc-i440fx-7.2')).toBe(`${blob}/v7.2.0/hw/timer/i8254.c`);
  expect(sourceAddress('QEMU hw/timer/i8254.c pit_load_count', 'pc-q35-10.0')).toBe(`${blob}/v10.0.0/hw/timer/i8254.c`);
  expect(sourceAddress('migration/ram.c: ram_load', 'pc')).toBe(`${blob}/master/migration/ram.c`);
});

test('a manual is not', () => {
  expect(sourceAddress('SDM 3A 4.5', 'pc-i440fx-7.2')).toBeUndefined();
  expect(sourceAddress('javascript:alert(1)//x.c', undefined)).toBeUndefined();
});
