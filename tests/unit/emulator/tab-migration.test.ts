/** A guest that moves between two machines of the tab, by the calls that the page makes. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { MachineHost, MigrationNews, MigrationRequest } from '../../../src/lib/emulator/machine-api.ts';
import { createMachineHost } from '../../../src/lib/emulator/machine-host.ts';

const sample = new URL('../../../static/samples/workload/workload.vmstate.gz', import.meta.url);
const plain: MigrationRequest = { maxBandwidth: 64 << 20, downtimeLimit: 300, capabilities: [], stopFirst: false };

let host: MachineHost;
let id: number;
const output = new Map<number, string>();

/** Types a line and waits for an answer that matches. */
async function ask(machine: number, line: string, answer: RegExp): Promise<string> {
  output.set(machine, '');
  await host.serialInput(machine, 0, new TextEncoder().encode(`${line}\r`));
  const end = Date.now() + 60_000;
  for (;;) {
    const [found] = answer.exec(output.get(machine)!) ?? [];
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`no answer: ${output.get(machine)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
const listen = (machine: number): Promise<void> =>
  host.serialOutput(machine, 0, (bytes) => {
    output.set(machine, (output.get(machine) ?? '') + new TextDecoder().decode(bytes));
  });

beforeEach(async () => {
  host = createMachineHost();
  ({ id } = await host.create({ state: [new File([readFileSync(sample)], 'workload.vmstate.gz')] }));
  await listen(id);
  await host.resume(id);
});
afterEach(() => host.destroy(id));

test('a guest that writes goes on in the other machine, and every page with it', async () => {
  await ask(id, 'note here before', /workload> $/);
  await ask(id, 'dirty 500 1M xor', /workload> $/);
  const news: MigrationNews[] = [];
  const { info, arrived } = await host.migrate(id, plain, (some) => news.push(some));
  expect(info).toMatchObject({ status: 'completed' });
  expect((await host.status(id)).state).toBe('postmigrate');
  await listen(arrived!.id);
  expect((await host.status(arrived!.id)).state).toBe('running');
  expect(await ask(arrived!.id, 'note', /here before/)).toBe('here before');
  const seen = news.flatMap(({ observations }) => observations);
  const statuses = seen.flatMap((o) => (o.kind === 'status' ? o.status : []));
  expect(statuses).toEqual(['setup', 'active', 'device', 'completed']);
  const rounds = seen.filter((o) => o.kind === 'round');
  expect(rounds.at(0)).toMatchObject({ phase: 'bulk', number: 1 });
  expect(rounds.at(-1)).toMatchObject({ phase: 'switchover', remaining: 0 });
  expect(seen.some((o) => o.kind === 'section' && o.name === 'cpu')).toBe(true);
  await expect(host.migrate(id, plain, () => undefined)).rejects.toThrow('paused due to previous migration');
  await host.destroy(arrived!.id);
});

test('cancelled, and cut, it stays and goes on where it was', async () => {
  for (const end of ['cancelMigration', 'cutLink'] as const) {
    let asked = false;
    const { info, arrived } = await host.migrate(id, { ...plain, maxBandwidth: 1 << 20 }, () => {
      if (!asked) void host[end](id);
      asked = true;
    });
    expect(info.status).toBe(end === 'cutLink' ? 'failed' : 'cancelled');
    expect(arrived).toBeUndefined();
    expect((await host.status(id)).state).toBe('running');
    expect(await ask(id, 'ticks', /\d+/)).toMatch(/\d/);
  }
  await expect(host.cutLink(id)).rejects.toThrow('no migration is under way');
});

test('one that does not converge does when more downtime is allowed meanwhile', async () => {
  await ask(id, 'dirty 4000 8M seq', /workload> $/);
  const request = { ...plain, maxBandwidth: 4 << 20, downtimeLimit: 1 };
  const moving = host.migrate(id, request, ({ info }) => {
    if ((info.ram?.['dirty-sync-count'] ?? 0) >= 3) void host.setMigration(id, { downtimeLimit: 2_000_000 });
  });
  const { info, arrived } = await moving;
  expect(info.status).toBe('completed');
  expect(info.ram!['dirty-sync-count']).toBeGreaterThanOrEqual(4);
  await host.destroy(arrived!.id);
});

test('a link takes its time where the sender is not limited, and can be widened on the way', async () => {
  await ask(id, 'dirty 1 1M xor', /workload> $/);
  await ask(id, 'fill 4M noise', /pages written/);
  const start = performance.now();
  const request = { ...plain, maxBandwidth: 0, stopFirst: true, linkBandwidth: 4 << 20, latency: 5 };
  const { info, arrived } = await host.migrate(id, request, () => undefined);
  // 4 MiB of noise and whatever else was not zero.
  expect(performance.now() - start).toBeGreaterThan(1000);
  expect(info.downtime).toBeGreaterThan(900);
  let widened = false;
  const again = { ...plain, maxBandwidth: 0, stopFirst: true, linkBandwidth: 64 << 10 };
  const back = await host.migrate(arrived!.id, again, () => {
    if (!widened) void host.setMigration(arrived!.id, { linkBandwidth: 0 });
    widened = true;
  });
  // It would have been more than a minute.
  expect(back.info['total-time']).toBeLessThan(20_000);
  await host.destroy(arrived!.id);
  await host.destroy(back.arrived!.id);
});
