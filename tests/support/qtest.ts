/** Native QEMU without a CPU that runs: its devices answer what the qtest protocol asks them (QEMU system/qtest.c). */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { qemus } from '../../scripts/qemu/qemu.mjs';

type Qemu = ReturnType<typeof qemus>[number];
export const nativeQemus: readonly Qemu[] = qemus();

/** Debian builds the accelerator as a module, did not always ship it, and `-accel help` hides it. */
export const takesQtest = ({ argv: [program = '', ...before] }: Qemu): boolean =>
  spawnSync(
    program,
    [...before, '-accel', 'qtest', '-machine', 'none', '-nographic', '-monitor', 'stdio', '-serial', 'none'],
    {
      input: 'quit\n',
      timeout: 60_000
    }
  ).status === 0;

export interface Answers {
  /** What each command got: the value, or nothing. */
  readonly values: readonly (bigint | undefined)[];
  /** The migration stream of the machine after that. */
  readonly state: Uint8Array;
  /** What `screendump` wrote before that, where it was asked for. */
  readonly picture: Uint8Array | undefined;
}

/** Runs the commands (`outb 0x20 0x11`, `inl 0x40`, `readl 0xfed00000`, `clock_step 1000`) and then saves the machine. */
export async function qtest(
  qemu: Qemu,
  machine: readonly string[],
  commands: readonly string[],
  { screendump }: { readonly screendump?: 'ppm' | 'png' } = {}
): Promise<Answers> {
  const folder = mkdtempSync(join(tmpdir(), 'migrascope-qtest-'));
  const socket = join(folder, 'qmp');
  const [program = '', ...before] = qemu.argv;
  const fixed = ['-accel', 'qtest', '-qtest', 'stdio', '-qtest-log', 'none', '-display', 'none', '-nodefaults'];
  const args = [...before, ...qemu.firmwareArgs, ...machine, ...fixed, '-qmp', `unix:${socket},server=on,wait=off`];
  const child = spawn(program, args);
  try {
    let output = '';
    let complaints = '';
    child.stdout.setEncoding('latin1').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
    child.stdin.on('error', () => undefined);
    child.stdin.write(commands.map((command) => `${command}\n`).join(''));
    const answered = (): string[] => output.split('\n').filter((line) => /^(OK|FAIL|ERR)/.test(line));
    await until(
      () => answered().length >= commands.length || child.exitCode !== null,
      () => complaints
    );
    const values = answered().map((line) => {
      if (!line.startsWith('OK')) throw new Error(line);
      return line === 'OK' ? undefined : BigInt(line.slice(3));
    });
    const [file, picture] = [join(folder, 'state'), join(folder, 'picture')];
    await migrate(
      socket,
      `exec:cat > ${file}`,
      screendump ? [['screendump', { filename: picture, format: screendump }]] : []
    );
    return {
      ...{ values, state: new Uint8Array(readFileSync(file)) },
      picture: screendump ? new Uint8Array(readFileSync(picture)) : undefined
    };
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

async function until(done: () => boolean, why: () => string, timeout = 60_000): Promise<void> {
  const deadline = Date.now() + timeout;
  while (!done()) {
    if (Date.now() > deadline) throw new Error(`QEMU does not answer: ${why()}`);
    await sleep(10);
  }
}

/** Migrates through QMP, after other commands, and waits for the end. */
async function migrate(path: string, uri: string, before: readonly (readonly [string, object])[]): Promise<void> {
  const socket = connect(path);
  let output = '';
  socket.setEncoding('utf8').on('data', (text: string) => (output += text));
  const say = (execute: string, more = {}): unknown =>
    socket.write(`${JSON.stringify({ execute, arguments: more })}\n`);
  say('qmp_capabilities');
  for (const [command, args] of before) say(command, args);
  say('migrate', { uri });
  for (let tries = 0; !/"status": "(completed|failed)"/.test(output); tries++) {
    if (tries > 600) throw new Error(`no migration: ${output}`);
    await sleep(50);
    say('query-migrate');
  }
  socket.destroy();
  if (output.includes('"failed"')) throw new Error(output);
}
