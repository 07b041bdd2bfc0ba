import { expect, test } from 'vitest';
import { testHost } from '../../../../support/device-host.ts';
import { ISAPic, vmstate_pic } from '../../../../../src/lib/emulator/hw/intc/i8259.ts';
import { bitsOf, hex, roundTrip, subsection } from '../../../../support/sections.ts';

const SLAVE = '00 00 8e 00 00 70 00 00 00 00 00 00 00 01 00 0c';

test('the second PIC as SeaBIOS leaves it', () => {
  const pic = roundTrip(vmstate_pic, hex(SLAVE));
  expect(bitsOf(pic.row('imr'))).toEqual({ IR1: 1, IR2: 1, IR3: 1, IR7: 1 });
  expect(pic.row('irq_base')).toMatchObject({ start: 5, value: 0x70, about: { radix: 16 } });
  expect(bitsOf(pic.row('elcr'))).toEqual({ IR2: 1, IR3: 1 });
});

test('a PIC with level-triggered inputs throughout', () => {
  expect(roundTrip(vmstate_pic, hex(SLAVE, subsection('i8259/ltim', 1, '01'))).state.ltim).toBe(1);
});

/** Both chips as a PC's BIOS sets them: vectors 8 and 70, cascaded, all inputs open. */
function setup(icw4 = 0x01) {
  const test = testHost();
  const int = test.line();
  const pic = new ISAPic(test.host, int.irq);
  for (const [port, vector, cascade] of [
    [0x20, 0x08, 4],
    [0xa0, 0x70, 2]
  ] as const) {
    test.out(port, 0x11);
    test.out(port + 1, vector);
    test.out(port + 1, cascade);
    test.out(port + 1, icw4);
    test.out(port + 1, 0);
  }
  const isr = (port: number): number => {
    test.out(port, 0x0b);
    return test.in(port);
  };
  const irr = (port: number): number => {
    test.out(port, 0x0a);
    return test.in(port);
  };
  return { ...test, int, pic, isr, irr };
}

test('an edge requests once; acknowledging moves it from IRR to ISR', () => {
  const { pic, int, irr, isr } = setup();
  pic.irqs[3]!(1);
  expect([int.level, irr(0x20), isr(0x20)]).toEqual([1, 0x08, 0]);
  expect(pic.readIrq()).toBe(0x0b);
  expect([int.level, irr(0x20), isr(0x20)]).toEqual([0, 0, 0x08]);
  pic.irqs[3]!(1);
  expect(irr(0x20)).toBe(0);
});

test('an interrupt of the slave comes through input 2 and is in service in both', () => {
  const { pic, isr } = setup();
  pic.irqs[12]!(1);
  expect(pic.readIrq()).toBe(0x74);
  expect([isr(0x20), isr(0xa0)]).toEqual([0x04, 0x10]);
});

test('higher priorities interrupt lower ones, not the other way round, until the end of interrupt', () => {
  const { pic, int, out } = setup();
  pic.irqs[3]!(1);
  pic.readIrq();
  pic.irqs[4]!(1);
  expect(int.level).toBe(0);
  pic.irqs[1]!(1);
  expect(int.level).toBe(1);
  expect(pic.readIrq()).toBe(0x09);
  out(0x20, 0x20);
  expect(int.level).toBe(0);
  out(0x20, 0x20);
  expect(pic.readIrq()).toBe(0x0c);
});

test('an edge that has gone before it is acknowledged keeps its request, a level does not: spurious input 7', () => {
  const { pic, out, int } = setup();
  pic.irqs[5]!(1);
  pic.irqs[5]!(0);
  expect(pic.readIrq()).toBe(0x0d);
  out(0x20, 0x20);
  out(0x4d0, 0x20);
  pic.irqs[5]!(1);
  pic.irqs[5]!(0);
  expect(int.level).toBe(0);
  expect(pic.readIrq()).toBe(0x0f);
});

test('a request of the slave that has gone is its input 7', () => {
  const { pic, out, isr } = setup();
  out(0x4d1, 0x04);
  pic.irqs[10]!(1);
  pic.master.last_irr = 0;
  out(0xa1, 0x04);
  pic.master.irr = 4;
  expect(pic.readIrq()).toBe(0x77);
  expect([isr(0x20), isr(0xa0)]).toEqual([0x04, 0]);
});

test('a level-triggered input asks again after its end of interrupt', () => {
  const { pic, int, out } = setup();
  out(0x4d1, 0x08);
  pic.irqs[11]!(1);
  expect(pic.readIrq()).toBe(0x73);
  expect(int.level).toBe(0);
  out(0xa0, 0x20);
  out(0x20, 0x20);
  expect([int.level, pic.readIrq()]).toEqual([1, 0x73]);
});

test('the ELCR takes only inputs that can be level-triggered', () => {
  const { out, in: read } = setup();
  out(0x4d0, 0xff);
  out(0x4d1, 0xff);
  expect([read(0x4d0), read(0x4d1)]).toEqual([0xf8, 0xde]);
});

test('a masked request waits', () => {
  const { pic, int, out, in: read } = setup();
  out(0x21, 0x02);
  pic.irqs[1]!(1);
  expect([int.level, read(0x21)]).toEqual([0, 2]);
  out(0x21, 0);
  expect(int.level).toBe(1);
});

test('a specific end of interrupt ends what it names; rotation makes it the last in line', () => {
  const { pic, out, isr, int } = setup();
  pic.irqs[1]!(1);
  pic.readIrq();
  out(0x20, 0xe1);
  expect([isr(0x20), pic.master.priority_add]).toEqual([0, 2]);
  pic.irqs[1]!(0);
  pic.irqs[1]!(1);
  pic.irqs[6]!(1);
  expect([int.level, pic.readIrq()]).toEqual([1, 0x0e]);
});

test('in special mask mode a masked input in service holds up nobody', () => {
  const { pic, out, int } = setup();
  pic.irqs[1]!(1);
  pic.readIrq();
  pic.irqs[4]!(1);
  out(0x20, 0x68);
  out(0x21, 0x02);
  expect([int.level, pic.readIrq()]).toEqual([1, 0x0c]);
});

test('with automatic end of interrupt nothing is in service', () => {
  const { pic, isr } = setup(0x03);
  pic.irqs[6]!(1);
  pic.readIrq();
  expect(isr(0x20)).toBe(0);
});

test('polling acknowledges by a read', () => {
  const { pic, out, in: read, isr } = setup();
  out(0x20, 0x0c);
  expect(read(0x20)).toBe(0);
  pic.irqs[4]!(1);
  out(0x20, 0x0c);
  expect(read(0x20)).toBe(0x84);
  expect(isr(0x20)).toBe(0x10);
});

test('ICW1 bit 3 makes all inputs level-triggered', () => {
  const { pic, out, int } = setup();
  out(0x20, 0x19);
  for (const word of [0x08, 0x04, 0x01]) out(0x21, word);
  pic.irqs[1]!(1);
  pic.irqs[1]!(0);
  expect([int.level, pic.master.ltim]).toEqual([0, 8]);
});
