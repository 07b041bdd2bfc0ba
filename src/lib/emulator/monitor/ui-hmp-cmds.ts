/** Monitor commands about picture, keyboard and mouse. Source: QEMU ui/ui-hmp-cmds.c, ui/input-legacy.c. */
import { keyOf, qcodes } from '../hw/input/keys.ts';
import { ppm, type DisplaySurface } from '../ui/console.ts';
import { png } from '../ui/png.ts';
import type { HmpCommand, MonitorSession } from './hmp.ts';
import { MonitorError } from './monitor-error.ts';

const DEFAULT_HOLD_MS = 100;
const MAX_HOLD_MS = 10_000;

type Picture = Uint8Array<ArrayBuffer>;
/** ImageFormat, and what writes it. */
const IMAGE_FORMATS = new Map<string, (surface: DisplaySurface) => Picture | Promise<Picture>>([
  ['ppm', ppm],
  ['png', png]
]);
export const imageFormats: ReadonlySet<string> = new Set(IMAGE_FORMATS.keys());

/**
 * Writes the picture to a file. Source: qmp_screendump.
 * @param format one of `imageFormats`
 * @throws MonitorError
 */
export async function screendump({ machine, host }: MonitorSession, name: string, format: string): Promise<void> {
  const write = IMAGE_FORMATS.get(format);
  if (!write) throw new MonitorError(`Error: invalid parameter value: ${format}`);
  const { screen } = machine.ui;
  if (!screen) throw new MonitorError('Error: There is no console to take a screendump from');
  screen.update();
  const picture = await write(screen.surface);
  const file = await host.connect(`file:${name}`);
  await file.write(picture);
  await file.end();
}

const hmpScreendump = async (session: MonitorSession, args: string): Promise<string> => {
  const [, before, name, after] = /^(?:-f\s+(\S+)\s+)?("[^"]*"|\S+)(?:\s+-f\s+(\S+))?$/.exec(args) ?? [];
  if (name === undefined) throw new MonitorError('screendump: filename [-f format]');
  await screendump(session, name.replace(/^"(.*)"$/, '$1'), before ?? after ?? 'ppm');
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
  { name: 'screendump', params: 'filename [-f format]', help: 'the picture, as ppm or png', run: hmpScreendump },
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
