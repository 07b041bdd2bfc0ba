/** `migrascope system` as a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@playwright/test';
import { image } from '../../guests/workload.mjs';

const program = fileURLToPath(new URL('../../bin/migrascope', import.meta.url));

test('a paused machine whose monitor was left is there until it is ended', async () => {
  const quiet = ['-S', '-display', 'none', '-serial', 'none', '-monitor', 'none', '-nic', 'none'];
  const options = ['system', ...quiet, '-m', '16', '-bios', image, '-qmp', 'stdio'];
  const child = spawn(process.execPath, [program, ...options], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const exited = once(child, 'exit');
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.stdin.write('{"execute":"qmp_capabilities"}\n');
    await expect.poll(() => said).toContain('"return"');
    child.stdin.end();
    expect(await Promise.race([exited, sleep(1000, 'there')])).toBe('there');
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  } finally {
    child.kill('SIGKILL');
  }
});
