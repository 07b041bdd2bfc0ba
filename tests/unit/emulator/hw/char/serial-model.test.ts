/** The UART at its eight ports, as the TL16C550 datasheet and QEMU hw/char/serial.c have it. */
import { expect, test } from 'vitest';
import { Chardev } from '../../../../../src/lib/emulator/chardev/char.ts';
import { Serial } from '../../../../../src/lib/emulator/hw/char/serial-device.ts';
import { vmstate_isa_serial } from '../../../../../src/lib/emulator/hw/char/serial-isa.ts';
import { QEMUClock } from '../../../../../src/lib/emulator/util/qemu-timer.ts';
import { QemuFileReader, QemuFileWriter } from '../../../../../src/lib/vmstate/qemu-file.ts';
import { load, save } from '../../../../../src/lib/vmstate/vmstate.ts';

function uart() {
  let now = 0n;
  const clock = new QEMUClock(() => now);
  const sent: number[] = [];
  const chr = new Chardev('serial0', (bytes) => sent.push(...bytes));
  let irq = 0;
  const serial = new Serial(clock, (level) => (irq = level), chr);
  return {
    serial,
    chr,
    sent,
    irq: () => irq,
    pass(ns: bigint) {
      now += ns;
      clock.run();
    }
  };
}
const bytes = (text: string) => new TextEncoder().encode(text);

test('a written byte leaves, and the transmitter says that it is empty', () => {
  const { serial, sent, irq } = uart();
  serial.write(1, 2);
  expect(irq()).toBe(1);
  expect(serial.read(2)).toBe(0x02);
  expect(irq()).toBe(0);
  serial.write(0, 0x41);
  expect(sent).toEqual([0x41]);
  expect(serial.read(5)).toBe(0x60);
  expect(irq()).toBe(1);
});

test('without a FIFO input waits until the buffer is read', () => {
  const { serial, chr, irq } = uart();
  serial.write(1, 1);
  chr.input(bytes('ab'));
  expect(chr.waiting).toBe(1);
  expect([irq(), serial.read(2) & 0xf, serial.read(5) & 1]).toEqual([1, 4, 1]);
  expect(serial.read(0)).toBe(0x61);
  expect(serial.read(0)).toBe(0x62);
  expect([irq(), serial.read(5) & 1]).toEqual([0, 0]);
});

test('with a FIFO the receiver interrupts at its trigger level, or after four characters of silence', () => {
  const { serial, chr, irq, pass } = uart();
  serial.write(2, 0xc1);
  serial.write(1, 1);
  chr.input(bytes('x'.repeat(13)));
  expect(irq()).toBe(0);
  serial.write(3, 3);
  serial.read(0);
  pass(4n * 1_041_666n - 10n);
  expect(irq()).toBe(0);
  pass(10n);
  expect([irq(), serial.read(2)]).toEqual([1, 0xcc]);
  serial.read(0);
  expect(irq()).toBe(0);
  chr.input(bytes('yyy'));
  expect([irq(), serial.read(2)]).toEqual([1, 0xc4]);
});

test('a loop hears itself', () => {
  const { serial, sent } = uart();
  serial.write(4, 0x1f);
  serial.write(0, 0x55);
  expect([serial.read(0), sent.length, serial.read(6)]).toEqual([0x55, 0, 0xf0]);
});

test('the divisor has two bytes', () => {
  const { serial } = uart();
  serial.write(3, 0x83);
  serial.write(0, 0x34);
  serial.write(1, 0x12);
  expect([serial.read(0), serial.read(1), serial.divider]).toEqual([0x34, 0x12, 0x1234]);
});

test('what is saved while bytes wait is loaded again', () => {
  const first = uart();
  first.serial.write(2, 0xc1);
  first.serial.write(1, 3);
  first.chr.input(bytes('abc'));
  const file = new QemuFileWriter();
  save(file, vmstate_isa_serial, { state: first.serial });
  const stream = file.finish();
  const second = uart();
  second.serial.preLoad();
  load(new QemuFileReader(stream), vmstate_isa_serial, 3, { state: second.serial });
  second.serial.postLoad();
  const again = new QemuFileWriter();
  save(again, vmstate_isa_serial, { state: second.serial });
  expect(again.finish()).toEqual(stream);
  expect(String.fromCharCode(second.serial.read(0), second.serial.read(0), second.serial.read(0))).toBe('abc');
});
