import { afterAll, expect, test } from 'vitest';
import { infoLapic, infoPic } from '../../../../src/lib/emulator/monitor/info-apic.ts';
import { smallMachine } from '../../../support/small-machine.ts';

const machine = smallMachine();
afterAll(() => machine.destroy());
const { apic, ioapic, ports } = machine.board.pc;

test('info pic shows the I/O APIC and both 8259s as they were programmed', () => {
  for (const [port, value] of [0x20, 0x11, 0x21, 0x08, 0x21, 0x04, 0x21, 0x01, 0x21, 0xb8].flatMap((_, i, all) =>
    i % 2 ? [] : [[all[i]!, all[i + 1]!] as const]
  ))
    ports.write(port, value, 1);
  const lines = infoPic(machine).split('\n');
  expect(lines[0]).toBe('ioapic0: ver=0x20 id=0x00 sel=0x00');
  expect(lines.filter((line) => line.startsWith('  pin '))).toHaveLength(24);
  expect(lines.at(-2)).toMatch(/^pic1: /);
  expect(lines.at(-1)).toBe('pic0: irr=00 imr=b8 isr=00 hprio=0 irq_base=08 rr_sel=0 elcr=00 fnm=0');
});

test('A pin of the I/O APIC is shown with all that its entry says', () => {
  expect(infoPic(machine)).toContain(
    '  pin 4  0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical'
  );
  ioapic.ioredtbl[5] = 0x1300_0000_0000_e931n;
  ioapic.ioregsel = 0x1a;
  ioapic.irr = 0x21;
  const text = infoPic(machine);
  expect(text).toContain('  pin 5  0x130000000000e931 dest=13 vec=49  active-lo level        lowest logical');
  expect(text).toContain('sel=0x1a (redir[5])');
  expect(text).toContain('  IRR      0  5  \n  Remote IRR 5  \n');
});

test('info lapic says what each local vector does', () => {
  apic.lvt[0] = 0x300ec;
  apic.lvt[4] = 0xf400;
  const text = infoLapic(machine);
  expect(text).toContain('LVTT\t 0x000300ec active-hi edge  masked         periodic     Fixed  (vec 236)\n');
  expect(text).toContain('LVT1\t 0x0000f400 active-lo level        pending              NMI   \n');
  for (const name of ['LVT0', 'LVTPC', 'LVTERR', 'LVTTHMR', 'SPIV', 'ESR', 'ICR'])
    expect(text).toMatch(new RegExp(`^${name}\t 0x[\\da-f]{8}`, 'm'));
  expect(text).toMatch(/^ISR\t \(none\)$/m);
});

test.each([
  [0x0000_0800, 0x0500_0000, 0xf, ' mask 00000101 (APIC ID)'],
  [0x0000_0800, 0x2500_0000, 0, ' cluster 2 mask 0101 (APIC ID)'],
  [0x0000_0000, 0x0300_0000, 0xf, ' cpu 3 (APIC ID)'],
  [0x000c_0000, 0x0300_0000, 0xf, '']
])('An interrupt command %s to %s names its target', (icr, icr2, mode, shown) => {
  apic.icr = [icr, icr2];
  apic.dest_mode = mode;
  expect(/^ICR2\t 0x[\da-f]{8}(.*)$/m.exec(infoLapic(machine))?.[1]).toBe(shown);
});

test('Vectors in service are listed, with how they came', () => {
  apic.isr[1] = 1;
  apic.isr[2] = 0x8000_0000 | 0;
  apic.tmr[1] = 1;
  expect(infoLapic(machine)).toContain('ISR\t 32(level) 95 \n');
});
