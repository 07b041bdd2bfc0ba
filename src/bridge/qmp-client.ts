/** A client of a QEMU's QMP socket. Source: QEMU docs/interop/qmp-spec.rst. */
import type { Socket } from 'node:net';
import { InputError } from './file-source.ts';
import { connectTo } from './migration-uri.ts';

/** Characters of one message; those of a monitor are shorter. */
const MAX_LINE = 16 << 20;

type Json = Readonly<Record<string, unknown>>;
interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class QmpClient {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];
  readonly #event: (event: string, message: Json) => void;
  #text = '';

  private constructor(socket: Socket, event: (event: string, message: Json) => void) {
    this.#socket = socket;
    this.#event = event;
    socket.setEncoding('utf8');
    socket.on('data', (text) => this.#take(String(text)));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('QMP: the monitor is gone'));
    });
  }

  /**
   * Connects and negotiates.
   * @param uri `unix:PATH` or `tcp:HOST:PORT`
   * @param event told of each event, with the whole message
   * @throws InputError
   */
  static async connect(uri: string, event: (event: string, message: Json) => void): Promise<QmpClient> {
    const client = new QmpClient(await connectTo(uri), event);
    // A socket that serves somebody else already takes the connection and says nothing.
    const silent = setTimeout(() => client.close(), 5000);
    try {
      await client.execute('qmp_capabilities');
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new InputError(`${uri}: ${why}; a QMP socket serves one client at a time: give this one its own`);
    } finally {
      clearTimeout(silent);
    }
    return client;
  }

  /** @throws (rejects) in QEMU's words where the command fails, or when the monitor is gone */
  execute(command: string, args?: Json): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new Error('QMP: the monitor is gone'));
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`${JSON.stringify({ execute: command, ...(args ? { arguments: args } : {}) })}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(text: string): void {
    const lines = (this.#text + text).split('\n');
    this.#text = lines.pop()!;
    if (this.#text.length > MAX_LINE) this.close();
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      return this.close();
    }
    if (typeof message !== 'object' || message === null) return;
    const { event, return: value, error } = message as Json;
    if (typeof event === 'string') this.#event(event, message as Json);
    else if (value !== undefined) this.#waiting.shift()?.resolve(value);
    else if (error !== undefined) {
      const { desc } = error as { readonly desc?: unknown };
      this.#waiting.shift()?.reject(new Error(`QMP: ${String(desc)}`));
    }
  }
}
