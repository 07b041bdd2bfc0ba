/**
 * The saw-tooth plateau, here and under native QEMU. The pattern is a run of native QEMU with Linux in 512 MB, which
 * rewrote 200 MB at 9,000 to 11,000 pages a second against a link of 40 MiB/s, 10,240 pages: 10 to 14 MB were left at
 * each synchronisation, some 340 ms of the link where 100 were allowed, and it took 84 of them, until the guest slackened.
 * Here all sizes are scaled alike, so that times stay, and the link is made for what the guest is measured to write.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ask as askNative, booted, image } from '../../../../guests/workload.mjs';
import { withMachine } from '../../../../scripts/qemu/machine.mjs';
import { qemus } from '../../../../scripts/qemu/qemu.mjs';
import type { MigrationInfo } from '../../../../src/lib/emulator/migration-api.ts';
import { send } from '../../../support/live-migration.ts';
import { runningWorkload, workloadMachine, workloadOptions } from '../../../support/workload.ts';

/** How much smaller than the pattern, and after how many synchronisations the guest slackens. */
const SCALE = 1 / Number(process.env.MIGRASCOPE_PLATEAU_DIVISOR ?? 16);
const SYNCS = Number(process.env.MIGRASCOPE_PLATEAU_SYNCS ?? 16);
/** Dirty rate over link rate, as there. */
const RATIO = 0.98;
const DOWNTIME_LIMIT = 100;
/** The first round that is like those behind it: the bulk is not, nor the one that sends what was written meanwhile. */
const FIRST = 3;
/** A machine that is too busy to keep its guest's rate runs something else. */
const TRIES = 3;

const TYPE = 'pc-i440fx-10.0';
const MIB = 1 << 20;
const PAGE = 4096;
const MEMORY = 512 * SCALE;
const pages = (mebibytes: number): number => Math.round((mebibytes * MIB * SCALE) / PAGE);
const LOOP = pages(200);
const dirty = (rate: number): string => `dirty ${Math.round(rate * SCALE)} ${LOOP} seq`;
const WRITING = dirty(10_000);
const SLACKENED = dirty(5_000);

/** A guest and its sender, ours or QEMU's. */
interface Sender {
  ask(command: string): Promise<string>;
  start(parameters: Readonly<Record<string, number>>): Promise<unknown>;
  query(): Promise<MigrationInfo>;
}

interface Figures {
  /** Pages a second that the guest wrote while it was sent, and that the link takes. */
  readonly written: number;
  readonly link: number;
  /** Of each round of the plateau: ms of the link that were left to send when it began, as query-migrate says it. */
  readonly expected: readonly number[];
  /** Bytes left, seen most and least in each of them. */
  readonly left: readonly { readonly most: number; readonly least: number }[];
  /** Seconds that the plateau lasted. */
  readonly seconds: number;
  readonly last: MigrationInfo;
}

/** Pages a second that the guest writes, over so many ms. */
async function rateOf(guest: Sender, ms: number): Promise<number> {
  const look = async (): Promise<readonly [number, number]> => {
    const written = /(\d+) written/.exec(await guest.ask('dirty'))![1];
    return [Number(written), performance.now()];
  };
  const [before, from] = await look();
  await sleep(ms);
  const [after, to] = await look();
  return ((after - before) * 1000) / (to - from);
}

async function runOf(guest: Sender): Promise<Figures> {
  await guest.ask(WRITING);
  const link = (await rateOf(guest, 3000)) / RATIO;
  // Nothing is left of it but as much as a round of the plateau has.
  await guest.ask(`fill ${LOOP} zero`);
  await guest.ask(`fill ${pages(13.5)} noise`);
  await guest.ask(WRITING);
  const start = performance.now();
  await guest.start({ 'max-bandwidth': Math.round(link * PAGE), 'downtime-limit': DOWNTIME_LIMIT });
  const rounds = new Map<number, { readonly start: number; expected: number; most: number; least: number }>();
  let written = 0;
  let last = await guest.query();
  for (; last.status !== 'completed' && last.status !== 'failed'; last = await guest.query()) {
    const { 'dirty-sync-count': number = 0, remaining = 0 } = last.ram ?? {};
    const at = performance.now() - start;
    if (number > SYNCS && written === 0) {
      written = (Number(/(\d+) written/.exec(await guest.ask('dirty'))![1]) * 1000) / at;
      await guest.ask(SLACKENED);
    }
    const round = rounds.get(number) ?? { start: at, expected: 0, most: remaining, least: remaining };
    // It is reckoned from the first second's dirty rate on.
    const known = (last.ram?.['dirty-pages-rate'] ?? 0) > 0 ? last['expected-downtime'] : undefined;
    const expected = known ?? round.expected;
    const most = Math.max(round.most, remaining);
    rounds.set(number, { ...round, expected, most, least: Math.min(round.least, remaining) });
    await sleep(10);
  }
  const plateau = [...rounds].flatMap(([number, round]) => (number >= FIRST && number <= SYNCS ? round : []));
  const end = rounds.get(SYNCS + 1)?.start ?? plateau.at(-1)?.start ?? 0;
  const seconds = (end - (plateau[0]?.start ?? 0)) / 1000;
  const expected = plateau.flatMap((r) => (r.expected > 0 ? r.expected : []));
  return { written, link, expected, left: plateau, seconds, last };
}

const mean = (of: readonly number[]): number => of.reduce((sum, n) => sum + n, 0) / of.length;

function tell(name: string, { written, link, expected, left, seconds, last }: Figures): void {
  const ram = last.ram!;
  const kib = (bytes: number): string => `${Math.round(bytes / 1024)} KiB`;
  const most = left.map((r) => r.most);
  console.log(
    [
      `${name}: ${written.toFixed(0)} pages/s written, ${link.toFixed(0)} sent at most: ${(written / link).toFixed(2)}`,
      `  left at a synchronisation ${kib(Math.min(...most))} to ${kib(Math.max(...most))}, threshold ${kib(link * PAGE * (DOWNTIME_LIMIT / 1000))}`,
      `  expected downtime ${Math.min(...expected)} to ${Math.max(...expected)} ms, mean ${mean(expected).toFixed(0)}; ${((seconds * 1000) / left.length).toFixed(0)} ms a round`,
      `  ${ram['dirty-sync-count']} syncs, ${(last['total-time']! / 1000).toFixed(1)} s, downtime ${last.downtime} ms,` +
        ` ${kib(ram['downtime-bytes'])} sent in it, ${(ram.transferred / ram.total).toFixed(2)} times the RAM sent`
    ].join('\n')
  );
}

/** Runs it until it is what it is to be. */
async function plateauOf(name: string, once: () => Promise<Figures>): Promise<void> {
  let figures = await once();
  const kept = (): boolean => Math.abs(figures.written / figures.link - 1) <= 0.1;
  for (let i = 1; i < TRIES && !kept(); i++) {
    console.warn(`${name}: written ${figures.written.toFixed(0)}, link ${figures.link.toFixed(0)}: once more`);
    figures = await once();
  }
  tell(name, figures);
  const { expected, left, last, link } = figures;
  expect(kept()).toBe(true);
  // None of them let it end, all about alike, though each sent all but what was allowed to be left.
  expect(left).toHaveLength(SYNCS - FIRST + 1);
  expect(expected.length).toBeGreaterThan(SYNCS / 2);
  expect(Math.min(...expected)).toBeGreaterThan(DOWNTIME_LIMIT);
  const third = Math.ceil(expected.length / 3);
  const drift = mean(expected.slice(-third)) / mean(expected.slice(0, third));
  expect(drift).toBeGreaterThan(1 / 3);
  expect(drift).toBeLessThan(3);
  const threshold = link * PAGE * (DOWNTIME_LIMIT / 1000);
  for (const { least } of left) expect(least).toBeLessThan(2 * threshold);
  expect(mean(left.map((r) => r.most))).toBeGreaterThan(1.5 * threshold);
  // It ended when the guest slackened, with less to send than before.
  expect(last.status).toBe('completed');
  expect(last.ram!['dirty-sync-count']).toBeGreaterThan(SYNCS);
  expect(last.ram!['downtime-bytes']).toBeLessThan(mean(left.map((r) => r.most)));
}

const TIMEOUT = 60_000 + TRIES * (20_000 + SYNCS * 1000);
describe('A guest that writes as much as the link takes is sent round after round until it slackens', () => {
  test('in the tab’s engine', { timeout: TIMEOUT }, async () => {
    await plateauOf('here', async () => {
      const [from, to] = [await runningWorkload(TYPE, MEMORY), workloadMachine(TYPE, MEMORY)];
      const { migration } = from.machine;
      let over: Promise<void> | undefined;
      const figures = await runOf({
        ask: (command) => from.ask(command),
        start(parameters) {
          migration.options.setParameters(parameters);
          over = send(from, to).over;
          return Promise.resolve();
        },
        query: () => Promise.resolve(migration.info())
      });
      await over;
      await from.end();
      await to.end();
      return figures;
    });
  });

  const native = qemus().find(({ version }) => parseInt(version) >= 10);
  if (!native) console.warn('SKIPPED: no native QEMU from 10 on; get it with: node scripts/qemu/install.mjs');
  test.skipIf(!native)(`under native QEMU ${native?.version ?? ''}`, { timeout: TIMEOUT }, async () => {
    const args = [...workloadOptions(TYPE, MEMORY), '-bios', image];
    await plateauOf(`QEMU ${native!.version}`, () =>
      withMachine(native!, args, async (machine) => {
        await booted(machine);
        return runOf({
          ask: (command) => askNative(machine, command),
          async start(parameters) {
            await machine.qmp('migrate-set-parameters', parameters);
            await machine.qmp('migrate', { uri: 'exec:cat > /dev/null' });
          },
          query: () => machine.qmp('query-migrate') as Promise<MigrationInfo>
        });
      })
    );
  });
});
