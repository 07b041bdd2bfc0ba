import { afterAll, expect, test } from 'vitest';
import { vgaPlan } from '../../../src/lib/emulator/vga-plan.ts';
import { smallMachine } from '../../support/small-machine.ts';

const machine = smallMachine({ vga: vgaPlan(702, 2) });
const { ports } = machine.board.pc;
afterAll(() => machine.destroy());

/** What the guest reads at port 60 as long as there is something. */
function typed(): number[] {
  const bytes: number[] = [];
  while (ports.read(0x64, 1) & 1 && bytes.length < 100) bytes.push(ports.read(0x60, 1));
  return bytes;
}

test('Keys come in between two slices, in their order', () => {
  machine.reset();
  machine.ui.key('a', true);
  machine.ui.key('right', false);
  expect(typed()).toEqual([]);
  machine.inputs.run();
  expect(typed()).toEqual([0x1c, 0xe0, 0xf0, 0x74]);
});

test('A key that there is not types nothing', () => {
  machine.ui.key('no-such-key', true);
  machine.inputs.run();
  expect(typed()).toEqual([]);
});

test('The mouse moves down by what is down on the screen', () => {
  machine.reset();
  // The second port on, then the mouse enabled.
  ports.write(0x64, 0xa8, 1);
  ports.write(0x64, 0xd4, 1);
  ports.write(0x60, 0xf4, 1);
  expect(typed()).toEqual([0xfa]);
  machine.ui.mouse({ dx: 5, dy: 3, dz: 0, buttons: 1 });
  machine.ui.mouse({ dx: 1e9, dy: Number.NaN, dz: 0, buttons: 0 });
  machine.inputs.run();
  expect(typed().slice(0, 6)).toEqual([0x29, 5, 0xfd, 0x08, 127, 0]);
});

test('Who has a frame gets the rows that changed since; who has none, or an old one, gets all', () => {
  const { screen } = machine.ui;
  machine.reset();
  ports.write(0x3c0, 0x20, 1);
  ports.write(0x3ce, 0x0106, 2);
  ports.write(0x3c4, 0x0f02, 2);
  expect(screen!.update()).toBeDefined();
  const { frame } = screen!;
  const { height } = screen!.surface;
  expect(screen!.rowsSince(frame)).toBeUndefined();
  expect(screen!.rowsSince(-1)).toEqual({ first: 0, count: height });
  expect(screen!.rowsSince(frame + 1)).toEqual({ first: 0, count: height });
  machine.board.vga!.vga.vram.store(0, 0xff, 1);
  expect(screen!.update()).toBeDefined();
  expect(screen!.rowsSince(frame)!.first).toBe(0);
});

test('A guest that took the absolute mouse gets places; the PS/2 mouse only wakes its driver', () => {
  const { vmmouse } = machine.board.basic;
  machine.reset();
  expect(machine.ui.absolute).toBe(false);
  machine.ui.pointer(0.5, 0.5, 0, 0);
  machine.inputs.run();
  expect(vmmouse!.nb_queue).toBe(0);
  Object.assign(vmmouse!, { status: 0, absolute: 1 });
  expect(machine.ui.absolute).toBe(true);
  machine.ui.pointer(2, -1, 0, 1);
  machine.inputs.run();
  expect(vmmouse!.queue.slice(0, 4)).toEqual([0x20, 0xffff, 0, 0]);
});
