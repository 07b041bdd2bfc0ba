import { expect, test } from 'vitest';
import { gsiLines } from '../../../../../src/lib/emulator/hw/i386/x86-common.ts';

test('the first sixteen interrupts go to the 8259s and then to the I/O APIC, the others to the latter alone', () => {
  const log: string[] = [];
  const lines = (name: string, n: number) =>
    Array.from({ length: n }, (_, i) => (level: number) => void log.push(`${name}${i}=${level}`));
  const gsi = gsiLines(lines('pic', 16), lines('ioapic', 24));
  gsi[15]!(1);
  gsi[16]!(1);
  expect(log).toEqual(['pic15=1', 'ioapic15=1', 'ioapic16=1']);
});
