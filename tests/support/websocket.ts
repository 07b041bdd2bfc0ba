/** How a page reaches the bridge. */
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { Socket } from '../../src/lib/emulator/bridge-channel.ts';

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

/** A browser's WebSocket, of a page that was served from where it connects to. */
export class PageWebSocket extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, { origin: `http://${new URL(url).host}` });
  }
}
export const pageSocket = (url: string, protocols: string[]): Socket =>
  new PageWebSocket(url, protocols) as unknown as Socket;
