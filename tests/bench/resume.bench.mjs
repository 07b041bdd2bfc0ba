// From a snapshot to a shell that answers, and loading and saving alone: against native QEMU, and in Chromium.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from '../../scripts/bundle.mjs';
import { golden, qemus } from '../../scripts/qemu/qemu.mjs';
import { root } from '../../scripts/stages.mjs';
import { firstPage, withApp } from './chromium.mjs';
import { inMs, median } from './timing.mjs';

const ROUNDS = 3;
const PATIENCE = 120_000;
const POLL = 50;
const ANSWER = /before-migration\s*test/;

export async function run() {
  const qemu = qemus().find((q) => existsSync(join(golden, q.version, 'linux-seed', 'state')));
  if (!qemu) {
    console.error('SKIPPED resume: no golden linux-seed (npm run golden)');
    return [];
  }
  const folder = join(golden, qemu.version, 'linux-seed');
  const state = join(folder, 'state');
  const { commandLine } = JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8'));
  const args = [...commandLine.slice(1), '-nographic', '-incoming', `exec:cat ${state}`];
  const [, disk = ''] = /file=([^,]*)/.exec(commandLine.join(' ')) ?? [];
  const native = { headless: [], stream: [] };
  const ours = { headless: [], page: [] };
  for (let round = 0; round < ROUNDS; round++) {
    ours.headless.push(await answered([process.execPath, join(root, 'bin/migrascope'), 'system', ...args]));
    native.headless.push(await answered([...qemu.argv, ...qemu.firmwareArgs, ...args]));
  }
  await withApp('resume', async (browser, url) => {
    for (let round = 0; round < ROUNDS; round++) ours.page.push(await inPage(browser, url, [state, disk]));
  });
  await bundle('tests/bench/load-save.ts', 'tests/bench', 'load-save.bundle.mjs');
  const figures = JSON.parse(
    execFileSync(process.execPath, [join(root, 'tests/bench/load-save.bundle.mjs'), state], { encoding: 'utf8' })
  );
  const [theirs, headless, page] = [native.headless, ours.headless, ours.page].map(median);
  const peer = `QEMU ${qemu.version} ${inMs(theirs)}, program start until its shell answers`;
  const rate = (what) => `${(figures.bytes / figures[what] / 1e3).toFixed(0)} MB/s`;
  return [
    { what: 'headless: program start until the shell answers', ours: inMs(headless), peer, ratio: theirs / headless },
    { what: 'Chromium: drop until the shell answers', ours: inMs(page), peer, ratio: theirs / page },
    { what: 'reading and loading the stream', ours: rate('load'), peer: `of stream; ${inMs(figures.load)}` },
    { what: 'saving it', ours: rate('save'), peer: `of stream; ${inMs(figures.save)}` }
  ];
}

/**
 * Starts a machine, lets its guest go on and asks its shell; ms until it has answered.
 * @param {readonly string[]} command
 */
async function answered([program = '', ...args]) {
  const start = performance.now();
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => undefined);
  let heard = '';
  let asked = false;
  // The state was taken paused, so it wants `cont`; what is typed before it runs is lost.
  const nudge = setInterval(() => child.stdin.write('\x01ccont\n\x01c\r'), POLL);
  const timeout = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
  try {
    return await new Promise((resolve, reject) => {
      child.on('close', () => reject(new Error(`${program} ended: ${heard.slice(-300)}`)));
      child.stdout.on('data', (bytes) => {
        heard += bytes;
        if (!asked && heard.includes('# ')) {
          asked = true;
          clearInterval(nudge);
          heard = '';
          child.stdin.write('cat /tmp/before-migration\r');
        } else if (ANSWER.test(heard)) resolve(performance.now() - start);
      });
    });
  } finally {
    clearInterval(nudge);
    clearTimeout(timeout);
    child.removeAllListeners('close');
    child.kill('SIGKILL');
  }
}

/**
 * @param {import('@playwright/test').Browser} browser
 * @param {string} url
 * @param {readonly string[]} files
 */
async function inPage(browser, url, files) {
  const page = await firstPage(browser, url);
  const toolbar = page.getByRole('toolbar', { name: 'Machine' });
  const button = (/** @type {string} */ name) => toolbar.getByRole('button', { name, exact: true });
  const start = Date.now();
  await page.locator('input[type=file]').first().setInputFiles(files);
  await button('Load into machine').click({ timeout: PATIENCE });
  await button('Resume').click({ timeout: PATIENCE });
  await toolbar.filter({ hasText: 'running' }).waitFor({ timeout: PATIENCE });
  await page.getByRole('textbox', { name: 'Serial console' }).focus({ timeout: PATIENCE });
  await page.keyboard.type('cat /tmp/before-migration\n');
  await page.getByRole('region', { name: 'Terminal' }).filter({ hasText: ANSWER }).waitFor({ timeout: PATIENCE });
  const ms = Date.now() - start;
  await page.close();
  return ms;
}
