/** Monitor commands about picture, keyboard and mouse. Source: QEMU ui/ui-hmp-cmds.c, ui/input-legacy.c. */
import { keyOf, qcodes } from '../hw/input/keys.ts';
import { ppm } from '../ui/console.ts';
import type { HmpCommand, MonitorSession } from './hmp.ts';
import { MonitorError } from './monitor-error.ts';

const DEFAULT_HOLD_MS = 100;
const MAX_HOLD_MS = 10_000;

const screendump = async ({ machine, host }: MonitorSession, args: string): Promise<string> => {
  const [, name = ''] = /^(\S+|"[^"]*")(\s+-f\s+ppm)?$/.exec(args) ?? [];
  if (name === '') throw new MonitorError('screendump: the name of a file is wanted, and no format but ppm is there');
  const { screen } = machine.ui;
  if (!screen) throw new MonitorError('no graphical console to screendump from');
  screen.update();
  const file = await host.connect(`file:${name.replace(/^"(.*)"$/, '$1')}`);
  await file.write(ppm(screen.surface));
  await file.end();
  return '';
};

/** `ctrl-alt-delete`: what the keys are called; `<` is `less`. @throws MonitorError */
export function keysOf(text: string): readonly string[] {
  const names = text.split('-').map((name) => (name === '<' ? 'less' : name.toLowerCase()));
  const wrong = names.find((name) => !keyOf(name) && !qcodes().includes(name));
  if (wrong !== undefined) throw new MonitorError(`invalid parameter: ${wrong}`);
  return names;
}

const sendkey = async ({ machine }: MonitorSession, args: string): Promise<string> => {
  const [keys = '', hold = String(DEFAULT_HOLD_MS)] = args.split(/\s+/);
  if (keys === '' || !/^\d+$/.test(hold)) throw new MonitorError('sendkey: keys [hold_ms]');
  const names = keysOf(keys);
  for (const name of names) machine.ui.key(name, true);
  await new Promise((resolve) => setTimeout(resolve, Math.min(Number(hold), MAX_HOLD_MS)));
  for (const name of names.toReversed()) machine.ui.key(name, false);
  return '';
};

const numbers = (name: string, args: string, least: number, most: number): number[] => {
  const words = args.split(/\s+/).filter(Boolean);
  if (words.length < least || words.length > most || words.some((word) => !/^-?(0x[\da-f]+|\d+)$/i.test(word)))
    throw new MonitorError(`${name}: ${least === most ? least : `${least} or ${most}`} numbers are wanted`);
  return words.map(Number);
};

/** Buttons that the monitor holds down, by machine. */
const held = new WeakMap<object, number>();

export const UI_COMMANDS: readonly HmpCommand[] = [
  { name: 'screendump', params: 'filename [-f ppm]', help: 'the picture, as a PPM file', run: screendump },
  { name: 'sendkey', params: 'keys [hold_ms]', help: 'presses keys: ctrl-alt-delete', run: sendkey },
  {
    ...{ name: 'mouse_move', params: 'dx dy [dz]', help: 'moves the mouse: right, down, wheel' },
    run: ({ machine }, args) => {
      const [dx = 0, dy = 0, dz = 0] = numbers('mouse_move', args, 2, 3);
      machine.ui.mouse({ dx, dy, dz: Math.sign(dz), buttons: held.get(machine) ?? 0 });
      return '';
    }
  },
  {
    ...{ name: 'mouse_button', params: 'state', help: 'holds buttons: 1 left, 2 right, 4 middle' },
    run: ({ machine }, args) => {
      const [buttons = 0] = numbers('mouse_button', args, 1, 1);
      held.set(machine, buttons & 7);
      machine.ui.mouse({ dx: 0, dy: 0, dz: 0, buttons });
      return '';
    }
  }
];
