/**
 * The bridge: sockets that `migrascope serve` opens for the page that it served, so that its machines migrate to and from
 * native QEMU. A page gets in by what only it has: it comes from here (Origin and Host), and knows the token that was
 * printed behind the `#` of the address. It reaches `unix:` paths and loopback, and the hosts that were named besides;
 * it never starts commands and opens no files. The protocol is in `src/lib/emulator/bridge-channel.ts`.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { BRIDGE_PROTOCOL, PIECE, WINDOW, type BridgeNote } from '../lib/emulator/bridge-channel.ts';
import type { ByteDuplex } from '../lib/emulator/migration/channel.ts';
import { BRIDGE_PATH } from '../lib/viz/bridge-address.ts';
import { connect, listen, socketAddress } from './migration-uri.ts';
import { messageOf } from '../lib/vmstate/problem.ts';

/** Connections at a time. */
const MAX_CONNECTIONS = 32;
/** Bytes of one message; pages send less. */
const MAX_MESSAGE = 1 << 20;

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|::1)$/.test(host);

export class Bridge {
  readonly token = randomBytes(24).toString('base64url');
  readonly #allowed: ReadonlySet<string>;
  readonly #sessions = new Set<BridgeSession>();
  readonly #sockets = new WebSocketServer({
    ...{ noServer: true, clientTracking: false, perMessageDeflate: false, maxPayload: MAX_MESSAGE },
    handleProtocols: () => BRIDGE_PROTOCOL
  });

  /** @param allowed hosts beyond loopback; `*` is all */
  constructor(allowed: readonly string[] = []) {
    this.#allowed = new Set(allowed);
  }

  /** An HTTP server's `upgrade`, of a request whose Host is known to be this one. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refuse = (status: string): void => {
      socket.on('error', () => undefined);
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    };
    const { host, origin } = request.headers;
    if (request.url !== `/${BRIDGE_PATH}`) return refuse('404 Not Found');
    if (origin !== `http://${host}`) return refuse('403 Forbidden');
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    if (offered[0] !== BRIDGE_PROTOCOL || !this.#isToken(offered[1] ?? '')) return refuse('403 Forbidden');
    if (this.#sessions.size >= MAX_CONNECTIONS) return refuse('503 Service Unavailable');
    this.#sockets.handleUpgrade(request, socket, head, (page) => {
      const session: BridgeSession = new BridgeSession(
        page,
        (uri) => this.#refusal(uri),
        () => this.#sessions.delete(session)
      );
      this.#sessions.add(session);
    });
  }

  close(): void {
    for (const session of this.#sessions) session.cut();
  }

  #isToken(text: string): boolean {
    const [given, own] = [Buffer.from(text), Buffer.from(this.token)];
    return given.length === own.length && timingSafeEqual(given, own);
  }

  /** Why a page may not reach what a URI names. */
  #refusal(uri: string): string | undefined {
    const address = socketAddress(uri);
    if (!address) return `${uri}: a page reaches tcp:HOST:PORT and unix:PATH only`;
    if ('path' in address || isLoopback(address.host)) return undefined;
    if (this.#allowed.has('*') || this.#allowed.has(address.host)) return undefined;
    return `${uri}: a page reaches this machine only; allow the host with \`migrascope serve --allow ${address.host}\``;
  }
}

/** A `BridgeRequest` that is not checked yet. */
type Request = Readonly<Partial<Record<'connect' | 'listen', unknown>>>;

/** One connection of a page: a WebSocket on one side, a socket on the other. */
class BridgeSession {
  readonly #page: WebSocket;
  readonly #refusal: (uri: string) => string | undefined;
  readonly #over: () => void;
  readonly #giveUp = new AbortController();
  #asked = false;
  #channel: ByteDuplex | undefined;
  /** From the page, not yet written. */
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #writing = false;
  #pageEnded = false;
  /** Sent to the page and not yet taken. */
  #onTheWay = 0;
  #room: (() => void) | undefined;

  constructor(page: WebSocket, refusal: (uri: string) => string | undefined, over: () => void) {
    this.#page = page;
    this.#refusal = refusal;
    this.#over = over;
    page.on('message', (data: Buffer, isBinary) => (isBinary ? this.#bytes(data) : this.#text(data.toString())));
    page.on('close', () => this.#closed());
    // `close` follows.
    page.on('error', () => undefined);
  }

  /** Leaves both sides at once. */
  cut(): void {
    this.#closed();
    this.#page.terminate();
  }

  #text(text: string): void {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      return this.#fail('what the page says is no JSON');
    }
    if (typeof json !== 'object' || json === null) return this.#fail('what the page says is no request');
    if (!this.#asked) {
      this.#asked = true;
      void this.#run(json as Request);
      return;
    }
    const { taken, end } = json as BridgeNote;
    if (typeof taken === 'number' && taken > 0) {
      this.#onTheWay -= Math.min(taken, this.#onTheWay);
      this.#room?.();
    }
    if (end === true) {
      this.#pageEnded = true;
      void this.#write();
    }
  }

  #bytes(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > 2 * WINDOW) this.#fail('the page sends more than was taken');
    else void this.#write();
  }

  #closed(): void {
    this.#giveUp.abort();
    this.#channel?.destroy();
    this.#waiting.length = 0;
    this.#room?.();
    this.#page.close();
    this.#over();
  }

  #say(note: BridgeNote): void {
    this.#page.send(JSON.stringify(note));
  }
  #fail(error: string): void {
    if (this.#giveUp.signal.aborted) return;
    this.#say({ error });
    this.#closed();
  }

  async #run(request: Request): Promise<void> {
    try {
      const channel = await this.#open(request);
      if (this.#giveUp.signal.aborted) return channel.destroy();
      this.#channel = channel;
      this.#say({ open: true });
      void this.#write();
      await this.#read(channel);
    } catch (error) {
      this.#fail(messageOf(error));
    }
  }

  #open(request: Request): Promise<ByteDuplex> {
    const uri = request.connect ?? request.listen;
    if (typeof uri !== 'string') throw new Error('the page asks for nothing');
    const refusal = this.#refusal(uri);
    if (refusal !== undefined) throw new Error(refusal);
    if (request.connect !== undefined) return connect(uri);
    return listen(uri, () => {}, {
      signal: this.#giveUp.signal,
      listening: (address) => this.#say({ listening: address })
    });
  }

  /** What comes from the socket, as fast as the page takes it. */
  async #read(channel: ByteDuplex): Promise<void> {
    for (;;) {
      while (this.#onTheWay > WINDOW && !this.#giveUp.signal.aborted)
        await new Promise<void>((resolve) => (this.#room = resolve));
      const piece = await channel.read();
      if (this.#giveUp.signal.aborted) return;
      if (!piece) return this.#say({ end: true });
      for (let from = 0; from < piece.length; from += PIECE) this.#page.send(piece.subarray(from, from + PIECE));
      this.#onTheWay += piece.length;
    }
  }

  /** What comes from the page, as fast as the socket takes it. */
  async #write(): Promise<void> {
    const channel = this.#channel;
    if (!channel || this.#writing) return;
    this.#writing = true;
    try {
      for (let piece; (piece = this.#waiting.shift());) {
        await channel.write(piece as Uint8Array<ArrayBuffer>);
        this.#waitingBytes -= piece.length;
        this.#say({ taken: piece.length });
      }
      this.#writing = false;
      if (!this.#pageEnded) return;
      this.#pageEnded = false;
      await channel.end();
      this.#say({ ended: true });
    } catch (error) {
      this.#fail(messageOf(error));
    }
  }
}
