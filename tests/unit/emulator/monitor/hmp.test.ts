import { afterEach, expect, test, vi } from 'vitest';
import { sink } from '../../../../src/lib/emulator/migration/channel.ts';
import { complete, hmp, type MonitorSession } from '../../../../src/lib/emulator/monitor/hmp.ts';
import { smallMachine } from '../../../support/small-machine.ts';

const machine = smallMachine();
let written: Buffer | undefined;
const quit = vi.fn();
const session: MonitorSession = {
  machine,
  host: {
    quit,
    detaches: true,
    connect(uri) {
      if (uri === 'exec:false') return Promise.reject(new Error('the command ended with status 1'));
      const pieces: Uint8Array[] = [];
      return Promise.resolve(
        sink(
          (piece) => pieces.push(piece),
          () => (written = Buffer.concat(pieces))
        )
      );
    },
    listen: () => Promise.reject(new Error('nobody'))
  }
};
const say = (line: string): Promise<string> => hmp(session, line);

afterEach(async () => {
  await machine.stop();
  machine.runstate.set('paused', { kind: 'pause' });
});

test.each([
  ['', ''],
  ['foo', "unknown command: 'foo'"],
  ['info foo', "unknown command: 'info foo'"],
  ['p $foo', "unknown register '$foo'"],
  ['p 1+2*3', '0x7'],
  ['p/d -1', '-1'],
  ['print/x $cs', '0xf000'],
  ['x', 'x: an address is missing'],
  ['migrate', 'migrate: string expected\nTry "help migrate" for more information'],
  ['info status', 'VM status: paused'],
  ['info stat', 'VM status: paused'],
  ['info version', 'pc-i440fx-7.2'],
  ['info block', ''],
  ['stop now', 'stop|s: extraneous characters at the end of line\nTry "help stop" for more information'],
  ['info pic 1', 'pic: extraneous characters at the end of line\nTry "help info pic" for more information'],
  ['info lapic 1', 'No CPU available'],
  ['gva2gpa 0xffff0', 'gpa: 0xffff0']
])("'%s' is answered by '%s'", async (line, answer) => {
  expect(await say(line)).toBe(answer);
});

test('Names may be cut short while only one begins so', async () => {
  expect(await say('hel quit')).toBe('quit -- ends');
  expect(await say('s')).toBe('');
  expect(await say('sy')).toBe("unknown command: 'sy'");
  expect(await say('system_r')).toBe('');
  expect(await say('qui')).toBe('');
  expect(quit).toHaveBeenCalledOnce();
});

test('system_powerdown presses the power button, if the guest listens to it', async () => {
  const { pm } = machine.board;
  const pressed = vi.fn();
  machine.onPowerdown = pressed;
  expect(await say('system_powerdown')).toBe('');
  expect(pm!.ar.pm1.evt.sts & 0x100).toBe(0);
  pm!.ar.pm1.evt.en |= 0x100;
  expect(await say('system_powerdown')).toBe('');
  expect(pm!.ar.pm1.evt.sts & 0x100).toBe(0x100);
  expect(pressed).toHaveBeenCalledTimes(2);
});

test('help lists every command on a line of its own', async () => {
  const names = (await say('help')).split('\n').map((line) => line.split(' ')[0]!);
  expect(names).toEqual(
    expect.arrayContaining('help info stop cont x xp migrate migrate_set_parameter quit'.split(' '))
  );
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(complete(''));
});

test('cont and stop change the state that info status tells', async () => {
  expect(await say('cont')).toBe('');
  expect(await say('info status')).toBe('VM status: running');
  expect(await say('stop')).toBe('');
  expect(await say('info status')).toBe('VM status: paused');
});

test('migrate writes a stream and leaves the machine in postmigrate', async () => {
  expect(await say('migrate "file:/a b"')).toBe('');
  expect(written!.subarray(0, 8).toString('hex')).toBe('5145564d00000003');
  expect(await say('info status')).toBe('VM status: paused (postmigrate)');
});

test('A migration that fails says why, and what ran goes on', async () => {
  await say('cont');
  expect(await say('migrate exec:false')).toBe('the command ended with status 1');
  expect(await say('info status')).toBe('VM status: running');
});

test('Completion knows the commands and the subjects of info', () => {
  expect(complete('s')).toEqual(expect.arrayContaining(['stop', 'system_reset']));
  expect(complete('st')).toEqual(['stop']);
  expect(complete('info p')).toEqual(['pic', 'pci']);
});
