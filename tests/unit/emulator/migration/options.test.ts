/** Parameters and capabilities: what each line and each QMP command answers, compared with the newest native QEMU. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withMachine } from '../../../../scripts/qemu/machine.mjs';
import { qemus } from '../../../../scripts/qemu/qemu.mjs';
import { MigrationOptions, parametersText } from '../../../../src/lib/emulator/migration/options.ts';
import { hmp, type MonitorSession } from '../../../../src/lib/emulator/monitor/hmp.ts';
import { QmpServer } from '../../../../src/lib/emulator/monitor/qmp.ts';
import { smallMachine } from '../../../support/small-machine.ts';

const newest = qemus().findLast(({ version }) => Number.parseInt(version) >= 11);
if (!newest) console.warn('SKIPPED: no native QEMU 11; get it with: node scripts/qemu/install.mjs');

const refused = (): Promise<never> =>
  Promise.reject(new Error("Failed to connect to '127.0.0.1:1': Connection refused"));
const session: MonitorSession = {
  machine: smallMachine(),
  host: { quit() {}, connect: refused, listen: refused, detaches: true }
};
afterAll(() => session.machine.destroy());

/** In this order, on one machine: what is set stays set. */
const LINES = [
  ...['info migrate', 'info migrate -a', 'info migrate_parameters', 'info migrate_capabilities'],
  ...['migrate_set_parameter', 'migrate_set_parameter max-bandwidth', 'migrate_set_parameter nope 1'],
  ...['max-b 5', 'max_bandwidth 5', 'block-bitmap-mapping 1'].map((s) => `migrate_set_parameter ${s}`),
  ...['1', '-1', '1x', '20000000T', '1.5g', '512K', '0x10', '.5'].map(
    (s) => `migrate_set_parameter max-bandwidth ${s}`
  ),
  ...['3000000', 'abc', '-1', '1k', '2000000'].map((s) => `migrate_set_parameter downtime-limit ${s}`),
  ...['0', '300', 'abc', '5 6', '0x10', '100'].map((s) => `migrate_set_parameter cpu-throttle-initial ${s}`),
  ...['10', '100', '99'].map((s) => `migrate_set_parameter max-cpu-throttle ${s}`),
  ...['5000', '2048', '1m'].map((s) => `migrate_set_parameter xbzrle-cache-size ${s}`),
  ...['foo', 'qpl', 'zstd', 'none'].map((s) => `migrate_set_parameter multifd-compression ${s}`),
  ...['maybe', 'yes', 'off'].map((s) => `migrate_set_parameter cpu-throttle-tailslow ${s}`),
  ...['multifd-zlib-level 10', 'multifd-zstd-level 21', 'multifd-qatzip-level 0'].map(
    (s) => `migrate_set_parameter ${s}`
  ),
  ...['announce-initial 100001', 'announce-max 100001', 'announce-rounds 1001'].map(
    (s) => `migrate_set_parameter ${s}`
  ),
  ...['announce-step 0', 'multifd-channels 0', 'throttle-trigger-threshold 0'].map((s) => `migrate_set_parameter ${s}`),
  ...['throttle-trigger-threshold 101', 'cpu-throttle-increment 0'].map((s) => `migrate_set_parameter ${s}`),
  ...['vcpu-dirty-limit 0', 'vcpu-dirty-limit x', 'x-vcpu-dirty-limit-period 0'].map(
    (s) => `migrate_set_parameter ${s}`
  ),
  ...['x-checkpoint-delay 5000000000', 'x-checkpoint-delay -1'].map((s) => `migrate_set_parameter ${s}`),
  ...['x-rdma-chunk-size 5000', 'mode zap', 'zero-page-detection none', 'direct-io on'].map(
    (s) => `migrate_set_parameter ${s}`
  ),
  ...['tls-hostname a', 'cpr-exec-command a b c'].map((s) => `migrate_set_parameter ${s}`),
  ...['migrate_set_capability', 'migrate_set_capability events', 'migrate_set_capability foo on'],
  ...['xbzrle maybe', 'xbzrle on', 'multifd on', 'mapped-ram on', 'background-snapshot on', 'xbzrle off'].map(
    (s) => `migrate_set_capability ${s}`
  ),
  ...['x-colo on', 'dirty-limit on', 'auto-converge on', 'dirty-limit on', 'auto-converge off'].map(
    (s) => `migrate_set_capability ${s}`
  ),
  ...['postcopy-preempt on', 'switchover-ack on', 'return-path on', 'x-colo on', 'return-path off', 'x-colo off'].map(
    (s) => `migrate_set_capability ${s}`
  ),
  ...['return-path off', 'zero-copy-send on', 'x-ignore-shared on', 'postcopy-ram on', 'x-ignore-shared off'].map(
    (s) => `migrate_set_capability ${s}`
  ),
  ...['multifd on', 'zero-copy-send on'].map((s) => `migrate_set_capability ${s}`),
  ...['migrate_set_parameter multifd-compression zlib', 'migrate_set_capability zero-copy-send off'],
  ...['migrate_set_parameter multifd-compression zlib', 'migrate_set_capability zero-copy-send on'],
  ...['migrate file:/nowhere', 'migrate_set_capability multifd off', 'migrate_set_capability mapped-ram on'],
  ...['migrate tcp:127.0.0.1:1', 'migrate_set_capability mapped-ram off'],
  ...['tcp:', 'tcp:host', 'tcp:h:', 'tcp:[::1:44', 'tcp:[]:1', 'unix:'].map((uri) => `migrate ${uri}`),
  ...['migrate', 'migrate foo:bar', 'migrate -x foo', 'migrate_cancel', 'migrate_continue', 'migrate_continue foo'],
  ...['migrate_continue pre-switchover', 'migrate_incoming tcp:127.0.0.1:1'],
  ...['info migrate_parameters', 'info migrate_capabilities', 'migrate -d tcp:127.0.0.1:1']
] as const;

const COMMANDS = [
  ['query-migrate-parameters', {}],
  ['query-migrate-capabilities', {}],
  ['query-migrate', {}],
  ['migrate', {}],
  ['migrate', { uri: 5 }],
  ['migrate', { uri: 'foo:bar' }],
  ['migrate', { uri: 'tcp:host' }],
  ['migrate', { uri: 'tcp:127.0.0.1:1', blah: 1 }],
  ['migrate-set-parameters', { 'max-bandwidth': 'x' }],
  ['migrate-set-parameters', { 'cpu-throttle-initial': 500 }],
  ['migrate-set-parameters', { nope: 500 }],
  ['migrate-set-parameters', { 'multifd-compression': 'zap' }],
  ['migrate-set-parameters', { 'cpu-throttle-tailslow': 1 }],
  ['migrate-set-parameters', { 'tls-creds': null, 'downtime-limit': 77 }],
  ['migrate-set-parameters', { 'downtime-limit': 78, 'announce-step': 0 }],
  ['migrate-set-capabilities', {}],
  ['migrate-set-capabilities', { capabilities: [{ capability: 'foo', state: true }] }],
  ['migrate-set-capabilities', { capabilities: [{ capability: 'xbzrle' }] }],
  ['migrate-set-capabilities', { capabilities: [{ capability: 'xbzrle', state: 1 }] }],
  [
    'migrate-set-capabilities',
    {
      capabilities: [
        { capability: 'xbzrle', state: true },
        { capability: 'multifd', state: true }
      ]
    }
  ],
  ['migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] }],
  ['migrate-continue', { state: 'zap' }],
  ['migrate-incoming', { uri: 'tcp:127.0.0.1:1' }],
  ['query-migrate-parameters', {}],
  ['query-migrate-capabilities', {}],
  ['human-monitor-command', {}],
  ['stop', { x: 1 }],
  ['nope', {}],
  ['qmp_capabilities', {}]
] as const;

describe.skipIf(!newest)('What native QEMU answers', () => {
  const answers = new Map<number, string>();
  const replies: unknown[] = [];
  beforeAll(async () => {
    await withMachine(newest!, ['-M', 'pc', '-m', '16M', '-vga', 'none', '-nic', 'none', '-S'], async (native) => {
      for (const [n, line] of LINES.entries()) answers.set(n, await native.hmp(line));
      // The last line's connection is refused in its own time.
      await native.migrated().catch(() => undefined);
      for (const [command, args] of COMMANDS) {
        replies.push(await native.qmp(command, args).catch((error: unknown) => (error as Error).message));
      }
    });
  }, 60_000);

  test('is what our monitor answers, line by line', async () => {
    for (const [n, line] of LINES.entries()) {
      const expected = answers.get(n)!.replaceAll('\r\n', '\n').trimEnd();
      expect(`${line}\n${await hmp(session, line)}`).toBe(`${line}\n${expected}`);
    }
    await expect.poll(() => session.machine.migration.status).toBe('failed');
  });

  test('is what our QMP answers, command by command', async () => {
    const lines: string[] = [];
    const server = new QmpServer(session, (line) => lines.push(line));
    server.feed('{"execute": "qmp_capabilities"}');
    for (const [execute, args] of COMMANDS) server.feed(`${JSON.stringify({ execute, arguments: args })}\n`);
    await expect.poll(() => lines.length).toBe(2 + COMMANDS.length);
    for (const [n, [command, args]] of COMMANDS.entries()) {
      const reply = JSON.parse(lines[n + 2]!) as {
        readonly return?: unknown;
        readonly error?: { readonly class: string; readonly desc: string };
      };
      const said = reply.error ? `${reply.error.class}: ${reply.error.desc}` : reply.return;
      expect([command, args, said]).toEqual([command, args, replies[n]]);
    }
  });
});

test('Several parameters are set together or not at all', () => {
  const options = new MigrationOptions();
  expect(() => options.setParameters({ 'downtime-limit': 5, 'announce-step': 0 })).toThrow(
    'Option announce-step expects a value between 0 and 10000'
  );
  expect(options.number('downtime-limit')).toBe(300);
  options.setParameters({ 'downtime-limit': 5, 'cpr-exec-command': ['a', 'b'], mode: 'cpr-reboot' });
  expect(parametersText(options)).toContain('downtime-limit: 5 ms\n');
  expect(parametersText(options)).toMatch(/\ncpr-exec-command: a b$/);
});
