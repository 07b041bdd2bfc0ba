/** A browser's WebSocket, as far as the page's bridge uses it, for Node 20, which has none. */
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Socket } from '../../src/lib/emulator/bridge-channel.ts';

/** One frame of a client. */
export function clientFrame(op: number, payload: Uint8Array, last = true): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 0x10000 ? 4 : 10);
  head[0] = (last ? 0x80 : 0) | op;
  head[1] = 0x80 | (length < 126 ? length : length < 0x10000 ? 126 : 127);
  if (head.length === 4) head.writeUInt16BE(length, 2);
  else if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  const mask = randomBytes(4);
  return Buffer.concat([head, mask, Buffer.from(payload).map((byte, i) => byte ^ mask[i & 3]!)]);
}

/** Asks to be let in. Resolves with the status, and the connection where it is 101. */
export function upgrade(
  url: string,
  headers: Readonly<Record<string, string>>
): Promise<{ status: number; socket?: Duplex; head?: Buffer }> {
  return new Promise((resolve, reject) => {
    const asked = request(url.replace(/^ws/, 'http'), {
      headers: {
        ...{ Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' },
        ...{ 'Sec-WebSocket-Key': randomBytes(16).toString('base64'), ...headers }
      }
    });
    asked.on('upgrade', (_response, socket, head) => resolve({ status: 101, socket, head }));
    asked.on('response', (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0 });
    });
    asked.on('error', reject);
    asked.end();
  });
}

export class NodeWebSocket implements Socket {
  binaryType: BinaryType = 'arraybuffer';
  onopen: Socket['onopen'] = null;
  onmessage: Socket['onmessage'] = null;
  onclose: Socket['onclose'] = null;
  #socket: Duplex | undefined;
  #waiting = Buffer.alloc(0);

  constructor(url: string, protocols: string[]) {
    const headers = { Origin: `http://${new URL(url).host}`, 'Sec-WebSocket-Protocol': protocols.join(', ') };
    const closed = (): void => this.onclose?.call(this as never, {} as CloseEvent);
    void upgrade(url, headers).then(({ socket, head }) => {
      if (!socket) return closed();
      this.#socket = socket;
      socket.on('close', closed).on('error', () => socket.destroy());
      socket.on('data', (piece: Buffer) => this.#take(piece));
      this.onopen?.call(this as never, {} as Event);
      this.#take(head!);
    }, closed);
  }

  send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void {
    if (typeof data === 'string') this.#socket?.write(clientFrame(1, Buffer.from(data)));
    else this.#socket?.write(clientFrame(2, data as Uint8Array));
  }
  close(): void {
    this.#socket?.end(clientFrame(8, Buffer.of(3, 0xe8)));
  }

  #take(piece: Buffer): void {
    this.#waiting = Buffer.concat([this.#waiting, piece]);
    for (;;) {
      const short = (this.#waiting[1] ?? 0) & 0x7f;
      const start = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (this.#waiting.length < start) return;
      const length =
        short === 126 ? this.#waiting.readUInt16BE(2) : short === 127 ? this.#waiting.readUInt32BE(6) : short;
      if (this.#waiting.length < start + length) return;
      const op = this.#waiting[0]! & 0xf;
      const payload = this.#waiting.subarray(start, start + length);
      this.#waiting = this.#waiting.subarray(start + length);
      if (op === 8) this.#socket?.end();
      if (op !== 1 && op !== 2) continue;
      const data = op === 1 ? payload.toString() : Uint8Array.from(payload).buffer;
      this.onmessage?.call(this as never, { data } as MessageEvent);
    }
  }
}
