#!/usr/bin/env node
// Boots the workload guest under every installed QEMU and checks each command, and that a migration changes nothing:
// a guest that was stopped keeps its sum, and a counted dirty run that is migrated half-way ends with the sum of one
// that never was.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { toFile, withMachine } from '../scripts/qemu/machine.mjs';
import { qemus, repository } from '../scripts/qemu/qemu.mjs';
import { ask, booted, hashWords, image, loaded } from './workload.mjs';

/** @typedef {import('../scripts/qemu/machine.mjs').Machine} Machine */
/** @typedef {import('../scripts/qemu/qemu.mjs').Qemu} Qemu */

const MACHINE = ['-M', 'pc', '-m', '16M', '-vga', 'none', '-nic', 'none'];
const FIRMWARE = [...MACHINE, '-bios', image];
const WORK = { start: 0x200000, end: 0x1000000 };
const folder = mkdtempSync(join(tmpdir(), 'workload-'));

/**
 * @param {Machine} machine
 * @param {number} start
 * @param {number} end
 */
async function physicalMemory(machine, start, end) {
  const path = join(folder, 'memory');
  await machine.qmp('pmemsave', { val: start, size: end - start, filename: path });
  return readFileSync(path);
}

/** @param {Machine} machine */
async function workSum(machine) {
  const [, sum = ''] = /^sum (\w{16}) of work pages 00200000-01000000$/m.exec(await ask(machine, 'sum')) ?? [];
  assert.ok(sum, 'sum of the work pages');
  return sum;
}

/**
 * @param {Machine} machine
 * @param {string} command
 * @param {RegExp} pattern
 */
const answers = async (machine, command, pattern) => assert.match(await ask(machine, command), pattern);

/** @param {Machine} machine */
async function checkCommands(machine) {
  await booted(machine);
  assert.match(machine.serial, /Migrascope workload guest: 16 MiB of RAM, 3584 work pages\. Type help\./);
  const help = await ask(machine, 'help');
  for (const name of ['help', 'dirty', 'idle', 'fill', 'sum', 'note', 'ticks', 'mem', 'cr3', 'disk']) {
    assert.match(help, new RegExp(`^  ${name} `, 'm'));
  }
  await answers(machine, 'nonsense', /^nonsense: no such command; try help\n$/);
  await answers(machine, 'helpless', /^helpless: no such command/);
  await answers(machine, '', /^$/);
  await answers(machine, 'idlX\x7fe', /^dirty: idle, 0 written\n$/);
  await answers(machine, 'mem', /^ {2}00200000-01000000 {2}work pages: 3584 for dirty, fill and sum$/m);
  await answers(machine, 'note one and two', /^note at \w{8}: one and two\n$/);
  const [, note = ''] = /at (\w+): one and two/.exec(await ask(machine, 'note')) ?? [];
  const start = parseInt(note, 16);
  assert.equal((await physicalMemory(machine, start, start + 12)).toString('latin1'), 'one and two\0');
  await answers(machine, 'disk', /^disk: none;/);

  await answers(machine, 'fill 0', /^0: from 1 to 3584 pages\n$/);
  await answers(machine, 'fill 15M', /^15M: from 1 to 3584 pages\n$/);
  await answers(machine, 'fill 3x', /^3x: not a size/);
  await answers(machine, 'fill 1 plaid', /^plaid: no such pattern/);
  for (const [command, pages] of /** @type {const} */ ([
    ['fill 3', 3],
    ['fill 64K', 16],
    ['fill 2MiB noise', 512]
  ])) {
    await answers(machine, command, new RegExp(`^fill: ${pages} pages written\n$`));
  }
  await answers(machine, 'fill 0x10 seq', /^fill: 16 pages written\n$/);
  const line = (await physicalMemory(machine, 0x20f000, 0x210000)).toString('latin1');
  assert.equal(line, 'page 0x0020f write 0x000000000f\n'.repeat(128));
  await machine.qmp('stop');
  const memory = await physicalMemory(machine, WORK.start, WORK.end);
  await machine.qmp('cont');
  assert.equal(await workSum(machine), hashWords(memory));
  await answers(
    machine,
    'sum 16',
    new RegExp(`^sum ${hashWords(memory.subarray(0, 16 * 4096))} of work pages 00200000-00210000$`, 'm')
  );
}

/** @param {Machine} machine */
async function checkClock(machine) {
  await booted(machine);
  const before = Number(/^ticks (\d+), 100 a second/.exec(await ask(machine, 'ticks'))?.[1]);
  const start = Date.now();
  await ask(machine, 'dirty 1000 1M random');
  await sleep(2000);
  await answers(machine, 'dirty', /^dirty: random, 1000 pages\/s in 256 pages, \d+ written\n$/);
  const written = Number(/^dirty: idle, (\d+) written/.exec(await ask(machine, 'idle'))?.[1]);
  const seconds = (Date.now() - start) / 1000;
  const ticks = Number(/^ticks (\d+),/.exec(await ask(machine, 'ticks'))?.[1]) - before;
  // The host may be late with timer interrupts, never early.
  assert.ok(ticks > 50 * seconds && ticks <= 101 * seconds + 2, `${ticks} ticks in ${seconds} s`);
  assert.ok(Math.abs(written - ticks * 10) <= 30, `${written} pages in ${ticks} ticks`);
}

/** Each walk that the guest prints against QEMU's own. @param {Machine} machine */
async function checkWalks(machine) {
  await booted(machine);
  const map = await ask(machine, 'cr3');
  const ranges = [...map.matchAll(/^ {2}(\w{16})-(\w{16}) -> (\w{8}) {2}(\d) (\w)iB/gm)];
  assert.equal(ranges.length, 9);
  assert.deepEqual(new Set(ranges.map(([, , , , count, unit]) => `${count}${unit}`)), new Set(['4K', '2M', '1G']));
  for (const [, from = '', to = '', physical = ''] of ranges) {
    for (const address of [BigInt(`0x${from}`), BigInt(`0x${from}`) + 0x123n, BigInt(`0x${to}`) - 1n]) {
      const expected = BigInt(`0x${physical}`) + address - BigInt(`0x${from}`);
      if (expected >= 1n << 32n) continue;
      const walk = await ask(machine, `cr3 0x${address.toString(16)}`);
      assert.match(walk, new RegExp(`-> ${expected.toString(16).padStart(8, '0')} {2}`));
      const answer = await machine.hmp(`gva2gpa 0x${address.toString(16)}`);
      assert.equal(BigInt(answer.replace('gpa: ', '').trim()), expected);
    }
  }
  await answers(machine, 'cr3 0', /^0{16} is not mapped$/m);
  assert.match(await machine.hmp('gva2gpa 0'), /Unmapped/);
  await answers(machine, 'cr3 0x800000000000', /^0000800000000000 is not canonical$/m);
}

/** @param {Machine} machine */
async function checkPanic(machine) {
  await booted(machine);
  await machine.hmp('nmi');
  await machine.waitFor('halted');
  assert.match(machine.serial, /exception 2, error 0, at ffffffff801\w{5}\r\nrax /);
}

/** @param {Qemu} qemu */
async function checkDisk(qemu) {
  const disk = join(folder, 'disk.raw');
  const bytes = Buffer.alloc(300 * 512);
  for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 7 + (at >> 9)) & 0xff;
  writeFileSync(disk, bytes);
  await withMachine(qemu, [...FIRMWARE, '-drive', `file=${disk},format=raw,if=ide`], async (machine) => {
    await booted(machine);
    for (const sector of [0, 1, 299]) {
      const sum = hashWords(bytes.subarray(sector * 512, sector * 512 + 512));
      await answers(machine, `disk ${sector}`, new RegExp(`^disk: 300 sectors\nsum ${sum} of sector ${sector}\n$`));
    }
    await answers(machine, 'disk 300', /no sector 300/);
  });
}

/** @param {Qemu} qemu */
async function checkStoppedMigration(qemu) {
  const state = join(folder, 'stopped');
  const before = await withMachine(qemu, FIRMWARE, async (machine) => {
    await booted(machine);
    await ask(machine, 'fill 3M noise');
    await ask(machine, 'note before migration');
    const sum = await workSum(machine);
    await machine.qmp('stop');
    await machine.migrate(toFile(state));
    return sum;
  });
  await withMachine(qemu, [...FIRMWARE, '-incoming', `exec:cat ${state}`], async (machine) => {
    await loaded(machine);
    await machine.qmp('cont');
    assert.equal(await workSum(machine), before);
    await answers(machine, 'note', /: before migration\n$/);
  });
}

/** @param {Qemu} qemu */
async function checkLiveMigration(qemu) {
  // xor never writes a word twice in so short a run, so that a lost write stays lost.
  const run = 'dirty 2000 4M xor 12000';
  const finished = 'dirty: finished, 12000 written\r\nworkload> ';
  const state = join(folder, 'live');
  const expected = await withMachine(qemu, FIRMWARE, async (machine) => {
    await booted(machine);
    await ask(machine, 'fill 8M');
    await ask(machine, run);
    await machine.waitFor(finished);
    return workSum(machine);
  });
  await withMachine(qemu, FIRMWARE, async (machine) => {
    await booted(machine);
    await ask(machine, 'fill 8M');
    await ask(machine, run);
    await machine.qmp('migrate-set-parameters', { 'max-bandwidth': 10 << 20, 'downtime-limit': 20 });
    const samples = await machine.migrate(toFile(state));
    assert.ok(samples.at(-1).ram['dirty-sync-count'] > 3, 'several rounds');
    assert.ok(!machine.serial.includes(finished), 'still writing at the switchover');
  });
  await withMachine(qemu, [...FIRMWARE, '-incoming', `exec:cat ${state}`], async (machine) => {
    await machine.waitFor(finished);
    assert.equal(await workSum(machine), expected);
  });
}

/** @param {Qemu} qemu */
async function checkMultiboot(qemu) {
  await withMachine(qemu, [...MACHINE, '-m', '2G', '-kernel', image], async (machine) => {
    await booted(machine);
    await answers(machine, 'mem', /^2048 MiB of RAM/);
  });
}

/** The committed samples run on: at the prompt, with the code they were made with. @param {Qemu} qemu */
async function checkSamples(qemu) {
  const samples = join(repository, 'static', 'samples', 'workload');
  for (const { commandLine, files } of JSON.parse(readFileSync(join(samples, 'manifest.json'), 'utf8')).samples) {
    const [{ name }] = files;
    // Machine names the program and -nographic itself.
    const args = [...commandLine.split(' ').slice(2), '-incoming', `exec:gzip -dc ${join(samples, name)}`];
    await withMachine(
      qemu,
      args,
      async (machine) => {
        await loaded(machine);
        await answers(machine, 'note', /: migrated live while it wrote\n$/);
        await answers(machine, 'idle', /^dirty: idle, \d+ written\n$/);
        const memory = await physicalMemory(machine, WORK.start, WORK.end);
        assert.equal(await workSum(machine), hashWords(memory));
        const before = Number(/^ticks (\d+)/.exec(await ask(machine, 'ticks'))?.[1]);
        await sleep(200);
        assert.ok(Number(/^ticks (\d+)/.exec(await ask(machine, 'ticks'))?.[1]) > before);
      },
      { cwd: repository }
    );
  }
}

/** @type {readonly [string, (qemu: Qemu) => Promise<void>][]} */
const checks = [
  ['commands', (qemu) => withMachine(qemu, FIRMWARE, checkCommands)],
  ['timer and rate', (qemu) => withMachine(qemu, FIRMWARE, checkClock)],
  ['page walks', (qemu) => withMachine(qemu, [...FIRMWARE, '-cpu', 'qemu64,+pdpe1gb'], checkWalks)],
  ['panic', (qemu) => withMachine(qemu, FIRMWARE, checkPanic)],
  ['disk', checkDisk],
  ['multiboot', checkMultiboot],
  ['stopped migration', checkStoppedMigration],
  ['live migration', checkLiveMigration],
  ['committed samples', checkSamples]
];

const found = qemus();
if (found.length === 0) {
  console.log('*** SKIPPED: the workload guest needs native QEMU; scripts/qemu/install.mjs fetches it. ***');
}
try {
  for (const qemu of found) {
    for (const [name, check] of checks) {
      // QEMU 7.2 under TCG loses writes in a live migration: its loss, not the guest's.
      const skipped = check === checkLiveMigration && qemu.version.startsWith('7.');
      if (!skipped) await check(qemu);
      console.log(`QEMU ${qemu.version}: ${name} ${skipped ? 'SKIPPED: this QEMU loses writes' : 'ok'}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
