import { afterAll, expect, test, vi } from 'vitest';
import { sink } from '../../../../src/lib/emulator/migration/channel.ts';
import type { MonitorSession } from '../../../../src/lib/emulator/monitor/hmp.ts';
import { QmpServer, sendEvents } from '../../../../src/lib/emulator/monitor/qmp.ts';
import { smallMachine } from '../../../support/small-machine.ts';

const quit = vi.fn();
const session: MonitorSession = {
  machine: smallMachine(),
  host: {
    ...{ quit, detaches: true },
    connect: () => Promise.resolve(sink(() => {})),
    listen: () => Promise.reject(new Error('nobody'))
  }
};
afterAll(async () => {
  await session.machine.stop();
  session.machine.destroy();
});

type Json = Readonly<Record<string, unknown>>;
/** A connection: what is said to it, and the answers as they come. */
function connection(): { say(text: string): void; next(): Promise<Json>; server: QmpServer } {
  const lines: string[] = [];
  let read = 0;
  const server = new QmpServer(session, (line) => lines.push(line));
  return {
    server,
    say: (text) => server.feed(text),
    async next() {
      await vi.waitFor(() => expect(lines.length).toBeGreaterThan(read), { timeout: 20_000 });
      return JSON.parse(lines[read++]!) as Json;
    }
  };
}

async function negotiated(): Promise<ReturnType<typeof connection>> {
  const made = connection();
  await made.next();
  made.say('{"execute": "qmp_capabilities"}\n');
  await made.next();
  return made;
}

test('It greets, and wants its capabilities negotiated first', async () => {
  const { say, next } = connection();
  expect(await next()).toMatchObject({ QMP: { version: { qemu: { major: 11 } }, capabilities: [] } });
  say('{"execute": "query-status", "id": 7}');
  expect(await next()).toEqual({
    id: 7,
    error: { class: 'CommandNotFound', desc: "Expecting capabilities negotiation with 'qmp_capabilities'" }
  });
  say('{"execute": "qmp_capabilities", "id": "x"}');
  expect(await next()).toEqual({ return: {}, id: 'x' });
  say('{"execute": "query-status"}');
  expect(await next()).toEqual({ return: { status: 'prelaunch', running: false } });
});

test('Commands may come in pieces, several at once, and over lines', async () => {
  const { say, next } = await negotiated();
  say('{"execute": "query-na');
  say('me", "arguments"\n: {}} {"execute":"human-monitor-command","arguments":{"command-line":"p 1+2"}}');
  expect(await next()).toEqual({ return: {} });
  expect(await next()).toEqual({ return: '0x3\r\n' });
});

test.each([
  ['hello\n', 'JSON parse error, invalid keyword or syntax'],
  ['[1]\n', 'QMP input must be a JSON object'],
  ['{}', "QMP input lacks member 'execute'"],
  ['{"execute": 1}', "QMP input member 'execute' must be a string"],
  ['{"execute": "stop", "arguments": 1}', "QMP input member 'arguments' must be an object"],
  ['{"execute": "stop", "extra": 1}', "QMP input member 'extra' is unexpected"],
  ['{"execute": "toString"}', 'The command toString has not been found'],
  [`${'['.repeat(2000)}`, 'JSON parse error, invalid keyword or syntax'],
  ['{"execute": "migrate-set-capabilities", "arguments": {"capabilities": [null]}}', 'expected: object'],
  ['{"execute": "screendump"}', "Parameter 'filename' is missing"],
  ['{"execute": "screendump", "arguments": {"filename": "a", "format": "gif"}}', "does not accept value 'gif'"],
  ['{"execute": "screendump", "arguments": {"filename": "a", "head": 1}}', "'head' must be specified together"],
  ['{"execute": "screendump", "arguments": {"filename": "a", "format": "png"}}', 'There is no console to take'],
  ['{"execute": "migrate", "arguments": {"channels": [null, 5]}}', 'Channel list has no main entry']
])('%s is refused', async (text, desc) => {
  const { say, next } = await negotiated();
  say(text);
  expect(await next()).toMatchObject({ error: { desc: expect.stringContaining(desc) as string } });
});

test('Events tell what the machine and its migration do, with their time', { timeout: 60_000 }, async () => {
  const { machine } = session;
  const { say, next, server } = await negotiated();
  sendEvents(session, server.event);
  say('{"execute": "cont"}');
  expect(await next()).toMatchObject({ event: 'RESUME', timestamp: { seconds: expect.any(Number) as number } });
  expect(await next()).toEqual({ return: {} });
  machine.migration.options.setCapabilities([{ capability: 'events', state: true }]);
  say('{"execute": "migrate", "arguments": {"uri": "exec:cat"}}');
  const seen: Json[] = [];
  while (seen.at(-1)?.data === undefined || (seen.at(-1)!.data as Json).status !== 'completed') seen.push(await next());
  const told = seen.map((m) => ('return' in m ? 'return' : `${String(m.event)} ${JSON.stringify(m.data ?? '')}`));
  expect(told[0]).toBe('MIGRATION {"status":"setup"}');
  expect(told).toContain('return');
  expect(told).toContain('STOP ""');
  expect(told).toContain('MIGRATION_PASS {"pass":1}');
  expect(told.indexOf('STOP ""')).toBeLessThan(told.indexOf('MIGRATION {"status":"device"}'));
  say('{"execute": "query-migrate"}{"execute": "query-status"}{"execute": "quit"}');
  expect(await next()).toMatchObject({ return: { status: 'completed', ram: { total: expect.any(Number) as number } } });
  expect(await next()).toEqual({ return: { status: 'postmigrate', running: false } });
  expect(await next()).toEqual({ return: {} });
  expect(quit).toHaveBeenCalledOnce();
});

test('system_reset is an input, so that a recording has it', async () => {
  const { say, next } = await negotiated();
  const perform = vi.spyOn(session.machine.inputs, 'perform');
  const reset = vi.spyOn(session.machine, 'onReset');
  say('{"execute": "system_reset"}');
  expect(await next()).toEqual({ return: {} });
  expect(perform).toHaveBeenCalledWith('reset', new Uint8Array(0));
  expect(reset).toHaveBeenCalledWith('host-qmp-system-reset');
  perform.mockRestore();
  reset.mockRestore();
});

test('A character that no JSON has makes an end of what was begun', async () => {
  const { say, next } = await negotiated();
  for (const begun of ['{'.repeat(1500), '{"execute": "quer', '{"execute": ["a"']) {
    say(`${begun}\0`);
    let answer = await next();
    expect(answer).toMatchObject({ error: { class: 'GenericError' } });
    say('{"execute": "query-name"}');
    while ('error' in answer) answer = await next();
    expect(answer).toEqual({ return: {} });
  }
});
