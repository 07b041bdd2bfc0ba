// One native QEMU process under a script's control: QMP on a Unix socket, the first serial port on the process's
// standard input and output (as -nographic gives it). Every wait has a deadline; nothing outlives the script.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** @typedef {{ event: string, data?: Record<string, unknown>, timestamp: { seconds: number, microseconds: number } }} QmpEvent */

/** @type {Set<Machine>} */
const running = new Set();
process.on('exit', () => running.forEach((machine) => machine.kill()));
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) process.on(signal, () => process.exit(1));

const SECOND = 1000;

/**
 * Rejects when a promise has not settled in time.
 * @template T
 * @param {Promise<T>} promise
 * @param {number} timeout milliseconds
 * @param {() => string} what
 * @returns {Promise<T>}
 */
async function within(promise, timeout, what) {
  const timer = new AbortController();
  const late = sleep(timeout, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`${what()} took longer than ${timeout} ms`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}

export class Machine {
  /** All that the guest wrote to the serial port. */
  serial = '';
  /** All that QEMU wrote to its standard error. */
  stderr = '';
  /** QMP events in order of arrival. @type {QmpEvent[]} */
  events = [];
  /** @type {number | undefined} */
  exitCode;

  /** @type {import('node:child_process').ChildProcessWithoutNullStreams} */
  #process;
  #monitored;
  /** @type {import('node:net').Socket | undefined} */
  #qmp;
  #folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
  /** @type {{ resolve: (value: unknown) => void, reject: (error: Error) => void }[]} */
  #replies = [];
  /** Run again whenever anything arrives. @type {Set<() => void>} */
  #waiters = new Set();
  /** The process's whole command line. @type {readonly string[]} */
  commandLine;
  /** Settles with the exit status when the process has ended. @type {Promise<number>} */
  exited;

  /**
   * @param {import('./qemu.mjs').Qemu} qemu
   * @param {readonly string[]} args a machine's options, without display, serial port and QMP
   * @param {{ cwd?: string }} [options]
   */
  constructor(qemu, args, { cwd } = {}) {
    this.#monitored = !qemu.serialOnly;
    const qmp = this.#monitored ? ['-qmp', `unix:${this.#socket},server=on,wait=off`] : [];
    this.commandLine = ['qemu-system-x86_64', ...args];
    const [command = '', ...before] = qemu.argv;
    this.#process = spawn(command, [...before, ...qemu.firmwareArgs, '-nographic', ...args, ...qmp], { cwd });
    running.add(this);
    this.#process.stdout.setEncoding('latin1').on('data', (text) => this.#arrived(() => (this.serial += text)));
    this.#process.stderr.setEncoding('utf8').on('data', (text) => this.#arrived(() => (this.stderr += text)));
    this.#process.stdin.on('error', () => undefined);
    this.exited = new Promise((resolve) => {
      this.#process.on('close', (code, signal) => {
        this.exitCode = code ?? (signal ? 128 : 1);
        running.delete(this);
        rmSync(this.#folder, { recursive: true, force: true });
        this.#abandonReplies();
        this.#arrived(() => undefined);
        resolve(this.exitCode);
      });
    });
  }

  /**
   * Starts QEMU and waits until its QMP answers, where it has one.
   * @param {ConstructorParameters<typeof Machine>} args
   */
  static async start(...args) {
    const machine = new Machine(...args);
    try {
      if (machine.#monitored) await machine.connect();
    } catch (error) {
      machine.kill();
      throw error;
    }
    return machine;
  }

  get #socket() {
    return join(this.#folder, 'qmp');
  }

  get pid() {
    return this.#process.pid ?? 0;
  }

  /** @param {() => void} change */
  #arrived(change) {
    change();
    for (const check of [...this.#waiters]) check();
  }

  /** Connects to QMP; cpr-exec needs it a second time, as the monitor of the new program is a new one. */
  async connect() {
    const deadline = Date.now() + 20 * SECOND;
    /** @type {import('node:net').Socket | undefined} */
    let socket;
    while (!socket) {
      if (this.exitCode !== undefined) throw new Error(`QEMU ended with ${this.exitCode}: ${this.stderr.trim()}`);
      if (Date.now() > deadline) throw new Error(`QEMU's monitor does not answer: ${this.stderr.trim()}`);
      const attempt = connect(this.#socket);
      socket = await new Promise((resolve) => {
        attempt.once('connect', () => resolve(attempt));
        attempt.once('error', () => resolve(undefined));
      });
      if (!socket) await sleep(20);
    }
    this.#qmp = socket;
    let text = '';
    socket.setEncoding('utf8').on('error', () => undefined);
    socket.on('close', () => {
      this.#qmp = undefined;
      this.#abandonReplies();
    });
    socket.on('data', (chunk) => {
      const lines = (text + chunk).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) this.#receive(JSON.parse(line));
    });
    await this.qmp('qmp_capabilities');
  }

  /** No answer comes any more. */
  #abandonReplies() {
    const gone = new Error(`QEMU's monitor is gone: ${this.stderr.trim()}`);
    for (const { reject } of this.#replies.splice(0)) reject(gone);
  }

  /** @param {Record<string, unknown>} message */
  #receive(message) {
    if ('event' in message) {
      this.#arrived(() => this.events.push(/** @type {QmpEvent} */ (message)));
    } else if ('return' in message) {
      this.#replies.shift()?.resolve(message.return);
    } else if ('error' in message) {
      const { class: kind, desc } = /** @type {{ class: string, desc: string }} */ (message.error);
      this.#replies.shift()?.reject(new Error(`${kind}: ${desc}`));
    }
  }

  /**
   * Runs a QMP command; throws QEMU's own words when it fails.
   * @param {string} command
   * @param {Record<string, unknown>} [args]
   * @returns {Promise<any>}
   */
  qmp(command, args = {}) {
    const reply = new Promise((resolve, reject) => this.#replies.push({ resolve, reject }));
    if (!this.#qmp) this.#abandonReplies();
    this.#qmp?.write(JSON.stringify({ execute: command, arguments: args }) + '\n');
    return within(reply, 60 * SECOND, () => `QMP ${command}`);
  }

  /**
   * Runs a line of the human monitor.
   * @param {string} line
   * @returns {Promise<string>}
   */
  hmp(line) {
    return this.qmp('human-monitor-command', { 'command-line': line });
  }

  /**
   * Waits until a condition on this machine's output holds.
   * @param {() => boolean} condition
   * @param {string} what
   * @param {number} [timeout] milliseconds
   */
  async until(condition, what, timeout = 60 * SECOND) {
    /** @type {() => void} */
    let check = () => undefined;
    const met = new Promise((resolve, reject) => {
      check = () => {
        if (condition()) resolve(undefined);
        else if (this.exitCode !== undefined) reject(new Error(`QEMU ended before ${what}: ${this.stderr.trim()}`));
      };
      this.#waiters.add(check);
      check();
    });
    try {
      await within(met, timeout, () => `${what} (serial port: ${JSON.stringify(this.serial.slice(-300))})`);
    } finally {
      this.#waiters.delete(check);
    }
  }

  /**
   * Waits until an event has come, ever.
   * @param {string} name
   * @param {number} [timeout] milliseconds
   */
  event(name, timeout) {
    return this.until(() => this.events.some(({ event }) => event === name), `event ${name}`, timeout);
  }

  /**
   * Waits until the guest of an incoming migration runs. It may have begun before the monitor was listened to, as a
   * state read from a file is there at once: then its RESUME is heard by nobody.
   * @param {number} [timeout] milliseconds
   */
  async resumed(timeout) {
    if (!(await this.qmp('query-status')).running) await this.event('RESUME', timeout);
  }

  /**
   * Where an incoming migration over TCP is waited for, with the port that QEMU chose where it was told 0.
   * @returns {Promise<string>} the URI
   */
  async incomingUri() {
    const [{ host, port }] = (await this.qmp('query-migrate'))['socket-address'];
    return `tcp:${host}:${port}`;
  }

  /**
   * Waits until the guest has written a text to the serial port after a position.
   * @param {string} text
   * @param {{ from?: number, timeout?: number }} [options]
   */
  async waitFor(text, { from = 0, timeout } = {}) {
    // SeaBIOS's serial console puts a doubled character and a cursor movement anywhere inside a text.
    const written = () => this.serial.slice(from).replace(/.\x1b\[\d+;\d+H/g, '');
    await this.until(() => written().includes(text), `${JSON.stringify(text)} on the serial port`, timeout);
  }

  /** @param {string} text typed at the serial port */
  type(text) {
    this.#process.stdin.write(text, 'latin1');
  }

  /**
   * Types a shell command and waits for its end, and for the prompt behind it.
   * @param {string} command
   * @param {number} [timeout]
   */
  async shell(command, timeout) {
    const from = this.serial.length;
    // The echo of the command has the quotes, the output has not.
    this.type(`${command}; echo do'ne.'\r`);
    await this.waitFor('\ndone.\r\n# ', { from, timeout });
  }

  /**
   * Turns migration capabilities on.
   * @param {readonly string[]} names
   */
  async capabilities(names) {
    const capabilities = names.map((capability) => ({ capability, state: true }));
    if (names.length > 0) await this.qmp('migrate-set-capabilities', { capabilities });
  }

  /**
   * Migrates and waits for the end.
   * @param {string} uri
   * @param {{ timeout?: number, each?: (info: any) => Promise<void> | void, interval?: number }} [options] `each` sees
   *   every sample of query-migrate
   * @returns {Promise<any[]>} the samples of query-migrate, the last one after completion
   */
  async migrate(uri, { timeout = 120 * SECOND, each, interval = 20 } = {}) {
    await this.qmp('migrate', { uri });
    return this.migrated({ timeout, each, interval });
  }

  /**
   * Waits for the end of a migration that has been started.
   * @param {{ timeout?: number, each?: (info: any) => Promise<void> | void, interval?: number }} [options]
   */
  async migrated({ timeout = 120 * SECOND, each, interval = 20 } = {}) {
    const deadline = Date.now() + timeout;
    /** @type {any[]} */
    const samples = [];
    for (;;) {
      const info = await this.qmp('query-migrate');
      samples.push(info);
      await each?.(info);
      if (info.status === 'completed') return samples;
      if (info.status === 'failed') throw new Error(`migration failed: ${info['error-desc']} ${this.stderr}`);
      if (Date.now() > deadline) throw new Error(`migration still ${info.status} after ${timeout} ms`);
      await sleep(interval);
    }
  }

  /** Ends QEMU in order. */
  async quit() {
    if (!this.#monitored) this.#process.kill('SIGTERM');
    else if (this.exitCode === undefined) this.qmp('quit').catch(() => undefined);
    try {
      await within(this.exited, 10 * SECOND, () => 'quit');
    } catch {
      this.kill();
      await this.exited;
    }
  }

  kill() {
    this.#process.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/**
 * Starts a machine, hands it over, and ends it whatever happens.
 * @template T
 * @param {import('./qemu.mjs').Qemu} qemu
 * @param {readonly string[]} args
 * @param {(machine: Machine) => Promise<T>} use
 * @param {{ cwd?: string }} [options]
 * @returns {Promise<T>}
 */
export async function withMachine(qemu, args, use, options) {
  const machine = await Machine.start(qemu, args, options);
  try {
    const result = await use(machine);
    await machine.quit();
    return result;
  } finally {
    machine.kill();
  }
}

/**
 * The migration URI that writes a stream to a file, in the oldest spelling (`file:` came with 8.2).
 * @param {string} path without characters that mean something to a shell
 */
export const toFile = (path) => `exec:cat > ${path}`;
