/**
 * Drives Firefox by Marionette, the protocol of its own that geckodriver speaks: `length:[type, id, name, parameters]`
 * over TCP. Playwright cannot drive Debian's firefox-esr, and Debian has no geckodriver.
 * Source: Firefox remote/marionette/transport.sys.mjs, driver.sys.mjs.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Answer = { readonly result: unknown } | { readonly error: { readonly message: string } };

export class Firefox {
  readonly #browser: ChildProcess;
  readonly #profile: string;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #buffer = Buffer.alloc(0);
  #lastId = 0;

  private constructor(browser: ChildProcess, profile: string, socket: Socket) {
    this.#browser = browser;
    this.#profile = profile;
    this.#socket = socket;
    socket.on('data', (data) => this.#read(data));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      for (const tell of this.#waiting.values()) tell({ error: { message: 'Firefox is gone' } });
    });
  }

  /** Starts it without a window and with a profile of its own. */
  static async start(program: string): Promise<Firefox> {
    const profile = mkdtempSync(join(tmpdir(), 'migrascope-firefox-'));
    // Firefox chooses one, and says which in its profile.
    writeFileSync(join(profile, 'user.js'), 'user_pref("marionette.port", 0);\n');
    const args = ['--headless', '--no-remote', '--marionette', '--profile', profile, '--window-size', '1280,800'];
    const browser = spawn(program, args, { stdio: 'ignore', env: { ...process.env, HOME: profile } });
    try {
      const firefox = new Firefox(browser, profile, await listening(profile, browser));
      await firefox.#call('WebDriver:NewSession', { capabilities: { alwaysMatch: { timeouts: { script: 60_000 } } } });
      return firefox;
    } catch (error) {
      await end(browser, profile);
      throw error;
    }
  }

  async goto(url: string): Promise<void> {
    await this.#call('WebDriver:Navigate', { url });
  }
  /** Runs the body of an async function in the page. */
  async run<T>(body: string): Promise<T> {
    const script = `const done = arguments[arguments.length - 1];
      (async () => { ${body} })().then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const { value } = (await this.#call('WebDriver:ExecuteAsyncScript', { script, args: [] })) as { value: unknown };
    const answer = value as { value?: T; error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.value as T;
  }
  async stop(): Promise<void> {
    this.#socket.destroy();
    await end(this.#browser, this.#profile);
  }

  async #call(name: string, parameters: object): Promise<unknown> {
    const id = ++this.#lastId;
    const text = JSON.stringify([0, id, name, parameters]);
    const answer = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#socket.write(`${Buffer.byteLength(text)}:${text}`);
    const got = await answer;
    if ('error' in got) throw new Error(`${name}: ${got.error.message}`);
    return got.result;
  }
  #read(data: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, data]);
    for (;;) {
      const colon = this.#buffer.indexOf(':');
      if (colon < 0) return;
      const end = colon + 1 + Number(this.#buffer.subarray(0, colon).toString());
      if (this.#buffer.length < end) return;
      const message = JSON.parse(this.#buffer.subarray(colon + 1, end).toString()) as unknown;
      this.#buffer = this.#buffer.subarray(end);
      // The greeting is an object.
      if (!Array.isArray(message)) continue;
      const [, id, error, result] = message as [number, number, { message: string } | null, unknown];
      this.#waiting.get(id)?.(error ? { error } : { result });
      this.#waiting.delete(id);
    }
  }
}

async function end(browser: ChildProcess, profile: string): Promise<void> {
  const ended = browser.exitCode !== null || browser.signalCode !== null;
  const gone = ended ? undefined : once(browser, 'exit');
  browser.kill();
  await gone;
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}

/** Firefox writes into its profile which port it chose, once it listens. Source: Marionette.sys.mjs. */
async function listening(profile: string, browser: ChildProcess): Promise<Socket> {
  const chosen = join(profile, 'MarionetteActivePort');
  const deadline = Date.now() + 60_000;
  for (;;) {
    const port = existsSync(chosen) ? Number(readFileSync(chosen, 'utf8')) : 0;
    if (port > 0) {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    }
    if (browser.exitCode !== null || Date.now() > deadline) throw new Error('Firefox did not open its port');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
