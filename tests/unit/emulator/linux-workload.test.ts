/** The program that writes memory in a Linux guest (guests/linux), typed at the shell of native QEMU's guest. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { installDirty } from '../../../guests/dirty.mjs';
import { goldens } from '../../support/golden.ts';
import { resumed } from '../../support/resumed.ts';

const seed = goldens().findLast(({ name }) => name.endsWith('/linux-seed'));
if (!seed) console.warn('SKIPPED: no streams of native QEMU; make them with: npm run golden');
const PROMPT = /\n# (\u001b\[6n)?$/;

test.skipIf(!seed)('dirty writes in Linux at the rate that its shell was told last', { timeout: 180_000 }, async () => {
  const { machine, shell } = await resumed(seed!);
  machine.timeTravel.enabled = false;
  machine.start();
  for (const line of installDirty) await shell(line, /# (\u001b\[6n)?$/);
  expect(await shell('dirty 10 2M plaid', PROMPT)).toMatch(/^plaid: no such pattern/);
  expect(await shell('dirty', PROMPT)).toMatch(/^dirty: idle, 0 written\n/);
  expect(await shell('fill 1M noise', PROMPT)).toMatch(/^fill: 256 pages written\n/);
  for (const rate of [400, 1600]) {
    expect(await shell(`dirty ${rate} 2M xor`, PROMPT)).toMatch(
      new RegExp(`^dirty: xor, ${rate} pages/s in 512 pages, 0 written\n`)
    );
    /** Pages that were written at some time between two, in seconds of the guest's own clock. */
    const written = async () => {
      const said = await shell('cat /proc/uptime; dirty; cat /proc/uptime', PROMPT);
      const [, pages] = / (\d+) written/.exec(said)!;
      const [from, to] = [...said.matchAll(/^([\d.]+) [\d.]+$/gm)].map(([, seconds]) => Number(seconds));
      return { pages: Number(pages), from: from!, to: to! };
    };
    const before = await written();
    await sleep(2000);
    const after = await written();
    const more = after.pages - before.pages;
    expect(more / (after.from - before.to)).toBeGreaterThan(0.85 * rate);
    expect(more / (after.to - before.from)).toBeLessThan(1.15 * rate);
  }
  expect(await shell('idle', PROMPT)).toMatch(/^dirty: idle, \d{4,} written\n/);
  const [, still] = / (\d+) written/.exec(await shell('dirty', PROMPT))!;
  await sleep(200);
  expect(await shell('dirty', PROMPT)).toContain(` ${still} written`);
  await machine.stop();
  machine.destroy();
});
