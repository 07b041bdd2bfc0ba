/** Keyboard, mouse and their controller at ports 0x60 and 0x64. */
import { expect, test } from 'vitest';
import { I8042 } from '../../../../../src/lib/emulator/hw/input/pckbd.ts';
import { qcodeOf, qcodes } from '../../../../../src/lib/emulator/hw/input/keys.ts';
import { PS2Keyboard, PS2Mouse } from '../../../../../src/lib/emulator/hw/input/ps2.ts';

function controller() {
  const lines = { keyboard: 0, mouse: 0, a20: 1, resets: 0 };
  const keyboard = new PS2Keyboard((level) => chip.keyboardInput(level));
  const mouse = new PS2Mouse((level) => chip.mouseInput(level));
  const chip: I8042 = new I8042(keyboard, mouse, {
    keyboardIrq: (level) => (lines.keyboard = level),
    mouseIrq: (level) => (lines.mouse = level),
    a20: (level) => (lines.a20 = level),
    reset: () => lines.resets++,
    log: () => {}
  });
  /** Every byte that waits. */
  const read = (): number[] => {
    const out = [];
    while (chip.readStatus() & 1) out.push(chip.readData());
    return out;
  };
  const command = (value: number, data?: number): void => {
    chip.writeCommand(value);
    if (data !== undefined) chip.writeData(data);
  };
  return { chip, keyboard, mouse, lines, read, command };
}

test('the controller tests itself and tells its mode', () => {
  const { command, read } = controller();
  command(0xaa);
  expect(read()).toEqual([0x55]);
  command(0x60, 0x61);
  command(0x20);
  expect(read()).toEqual([0x61]);
});

test('a key of set 2 comes translated when the mode says so', () => {
  const { keyboard, command, read, lines } = controller();
  keyboard.key('a', true);
  expect(lines.keyboard).toBe(1);
  expect(read()).toEqual([0x1c]);
  expect(lines.keyboard).toBe(0);
  command(0x60, 0x41);
  keyboard.key('a', true);
  keyboard.key('a', false);
  keyboard.key('up', true);
  keyboard.key('up', false);
  expect(read()).toEqual([0x1e, 0x9e, 0xe0, 0x48, 0xe0, 0xc8]);
});

test('every key is translated to its code of set 1', () => {
  const { keyboard, command, read } = controller();
  command(0x60, 0x41);
  for (const qcode of qcodes()) {
    keyboard.key(qcode, true);
    const second = read();
    keyboard.scancode_set = 1;
    keyboard.translate = 0;
    keyboard.key(qcode, true);
    const first = read();
    keyboard.scancode_set = 2;
    keyboard.translate = 1;
    expect([qcode, second]).toEqual([qcode, first]);
  }
});

test('a keyboard that is reset answers before what was typed', () => {
  const { chip, keyboard, read } = controller();
  keyboard.key('x', true);
  chip.writeData(0xed);
  chip.readData();
  chip.writeData(0x02);
  expect(keyboard.ledstate).toBe(2);
  expect(read()).toEqual([0xfa, 0x22]);
  chip.writeData(0xff);
  expect(read()).toEqual([0xfa, 0xaa]);
  chip.writeData(0xf2);
  expect(read()).toEqual([0xfa, 0xab, 0x83]);
});

test('a mouse that is knocked at has a wheel', () => {
  const { mouse, command, read, lines } = controller();
  for (const byte of [0xf3, 200, 0xf3, 100, 0xf3, 80]) command(0xd4, byte);
  expect(read()).toEqual([0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 0xfa]);
  command(0xd4, 0xf2);
  command(0xd4, 0xf4);
  expect(lines.mouse).toBe(1);
  expect(read()).toEqual([0xfa, 3, 0xfa]);
  mouse.move(5, -3, 1, 1);
  expect(read()).toEqual([0x29, 5, 0xfd, 1]);
});

test('the output port moves A20 and resets the machine', () => {
  const { command, lines } = controller();
  command(0xd1, 0xcd);
  expect(lines.a20).toBe(0);
  command(0xdf);
  expect(lines.a20).toBe(1);
  command(0xfe);
  expect(lines.resets).toBe(1);
});

test('keys of a browser have names of QEMU', () => {
  expect(['KeyA', 'NumpadEnter', 'Pause', 'Frob'].map(qcodeOf)).toEqual(['a', 'kp_enter', 'pause', undefined]);
});
