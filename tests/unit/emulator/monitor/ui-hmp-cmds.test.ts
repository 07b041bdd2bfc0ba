import { afterAll, expect, test } from 'vitest';
import { hmp } from '../../../../src/lib/emulator/monitor/hmp.ts';
import { keysOf } from '../../../../src/lib/emulator/monitor/ui-hmp-cmds.ts';
import { sink } from '../../../../src/lib/emulator/migration/channel.ts';
import { vgaPlan } from '../../../../src/lib/emulator/vga-plan.ts';
import { pixelsOfPng } from '../../../support/png.ts';
import { smallMachine } from '../../../support/small-machine.ts';

const machine = smallMachine({ vga: vgaPlan(702, 2) });
afterAll(() => machine.destroy());
const files = new Map<string, Uint8Array>();

const say = (line: string, of = machine): Promise<string> => {
  const host = {
    quit() {},
    detaches: false,
    connect: (uri: string) => {
      const pieces: Uint8Array[] = [];
      return Promise.resolve(
        sink(
          (piece) => pieces.push(piece),
          () => files.set(uri, Buffer.concat(pieces))
        )
      );
    },
    listen: () => Promise.reject(new Error('no'))
  };
  return hmp({ machine: of, host }, line);
};
const { ports } = machine.board.pc;
function typed(): number[] {
  machine.inputs.run();
  const bytes: number[] = [];
  while (ports.read(0x64, 1) & 1 && bytes.length < 100) bytes.push(ports.read(0x60, 1));
  return bytes;
}

test('screendump writes the picture as a pixmap', async () => {
  machine.reset();
  expect(await say('screendump /tmp/a.ppm')).toBe('');
  const file = files.get('file:/tmp/a.ppm')!;
  expect(Buffer.from(file.subarray(0, 15)).toString()).toBe('P6\n640 480\n255\n');
  expect(file).toHaveLength(15 + 3 * 640 * 480);
  expect(await say('screendump')).toBe('screendump: filename [-f format]');
  expect(await say('screendump a.gif -f gif')).toBe('Error: invalid parameter value: gif');
});

test.each(['screendump a.png -f png', 'screendump -f png "a.png"'])('%s writes it as PNG', async (line) => {
  files.clear();
  expect(await say(line)).toBe('');
  const file = files.get('file:a.png')!;
  expect(Buffer.from(file.subarray(1, 4)).toString()).toBe('PNG');
  expect(pixelsOfPng(file)).toMatchObject({ width: 640, height: 480 });
});

test('screendump without a screen says so', async () => {
  const blind = smallMachine();
  expect(await say('screendump a', blind)).toBe('Error: There is no console to take a screendump from');
  blind.destroy();
});

test('sendkey presses keys together, and lets them go in the other order', async () => {
  machine.reset();
  expect(await say('sendkey ctrl-alt-delete 1')).toBe('');
  expect(typed()).toEqual([0x14, 0x11, 0xe0, 0x71, 0xe0, 0xf0, 0x71, 0xf0, 0x11, 0xf0, 0x14]);
  expect(await say('sendkey ctrl-foo')).toBe('invalid parameter: foo');
  expect(await say('sendkey')).toContain('sendkey: keys [hold_ms]');
  expect(keysOf('shift-<')).toEqual(['shift', 'less']);
});

test('mouse_move and mouse_button are one mouse', async () => {
  machine.reset();
  ports.write(0x64, 0xa8, 1);
  ports.write(0x64, 0xd4, 1);
  ports.write(0x60, 0xf4, 1);
  typed();
  await say('mouse_button 2');
  await say('mouse_move 3 -4');
  expect(typed()).toEqual([0x0a, 0, 0, 0x0a, 3, 4]);
  expect(await say('mouse_move 3')).toContain('2 or 3 numbers are wanted');
  expect(await say('mouse_button x')).toContain('1 numbers are wanted');
});
