/**
 * A channel out of the tab: a page opens no sockets, so `migrascope serve` opens them and passes bytes on through a
 * WebSocket, one a connection.
 *
 * The page's first text says what it wants, `BridgeRequest`. From then on binary messages are the channel's bytes, both
 * ways, and texts are `BridgeNote`s. Neither side has more than `WINDOW` bytes on the way that the other has not taken:
 * a WebSocket itself would take without bounds.
 */
import type { BridgeAddress } from './machine-api.ts';
import { BROKEN_PIPE, type ByteDuplex } from './migration/channel.ts';

/** The subprotocol. The page offers its token as a second one: it stands in no address and no log then. */
export const BRIDGE_PROTOCOL = 'migrascope-bridge';
/** Bytes sent and not yet taken. */
export const WINDOW = 4 << 20;
/** Bytes of a message. */
export const PIECE = 1 << 18;

/** `tcp:HOST:PORT` or `unix:PATH`: where to connect to, or to wait for the first who connects. */
export type BridgeRequest = { readonly connect: string } | { readonly listen: string };

/** Exactly one of them. */
export interface BridgeNote {
  /** To the page: it waits there. The address, where port 0 was asked for too. */
  readonly listening?: string;
  /** To the page: there is a peer. */
  readonly open?: true;
  /** So many bytes more have been taken. */
  readonly taken?: number;
  /** Nothing more comes. */
  readonly end?: true;
  /** To the page: all that it sent has left. */
  readonly ended?: true;
  /** To the page: it is over, and why, in QEMU's words. */
  readonly error?: string;
}

/** What is used of a WebSocket. */
export type Socket = Pick<WebSocket, 'send' | 'close' | 'binaryType' | 'onopen' | 'onmessage' | 'onclose'>;
/** Tests bring their own: Node 20 has none. */
export type OpenSocket = (url: string, protocols: string[]) => Socket;
const openSocket: OpenSocket = (url, protocols) => new WebSocket(url, protocols);

const READ_RESET = 'Unable to read from socket: Connection reset by peer';
const GONE = 'the bridge is gone: is `migrascope serve` still running?';
const NO_BRIDGE = 'a page opens no sockets: serve it with `migrascope serve`, and open the address that it prints';

class BridgeChannel implements ByteDuplex {
  readonly #socket: Socket;
  readonly #arrived: Uint8Array[] = [];
  /** Sent and not yet taken. */
  #onTheWay = 0;
  #inputEnded = false;
  #ended = false;
  #failure: string | undefined;
  #wake: (() => void)[] = [];
  /** There is a peer. */
  #open = false;
  readonly #listening: (address: string) => void;

  constructor(socket: Socket, request: BridgeRequest, listening: (address: string) => void) {
    this.#socket = socket;
    this.#listening = listening;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => socket.send(JSON.stringify(request));
    socket.onmessage = ({ data }: { data: unknown }) => {
      if (data instanceof ArrayBuffer) this.#arrived.push(new Uint8Array(data));
      else this.#note(JSON.parse(String(data)) as BridgeNote);
      this.#changed();
    };
    socket.onclose = () => this.#fail(this.#open ? BROKEN_PIPE : GONE);
  }

  #note({ listening, open, taken = 0, end, ended, error }: BridgeNote): void {
    if (listening !== undefined) this.#listening(listening);
    this.#open ||= open === true;
    this.#onTheWay -= taken;
    this.#inputEnded ||= end === true;
    this.#ended ||= ended === true;
    if (error !== undefined) this.#fail(error);
  }

  #fail(why: string): void {
    this.#failure ??= why;
    this.#changed();
  }
  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  /** Resolves when there is a peer. */
  async opened(): Promise<void> {
    while (!this.#open) {
      if (this.#failure !== undefined) throw new Error(this.#failure);
      await this.#change();
    }
  }

  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> | undefined {
    if (this.#failure !== undefined) throw new Error(this.#failure);
    for (let from = 0; from < bytes.length; from += PIECE) this.#socket.send(bytes.subarray(from, from + PIECE));
    this.#onTheWay += bytes.length;
    return this.#onTheWay > WINDOW ? this.#room() : undefined;
  }
  async #room(): Promise<void> {
    while (this.#onTheWay > WINDOW / 2) {
      if (this.#failure !== undefined) throw new Error(this.#failure);
      await this.#change();
    }
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const piece = this.#arrived.shift();
      if (piece) {
        // A bridge that is gone cannot be told.
        if (this.#failure === undefined) this.#socket.send(JSON.stringify({ taken: piece.length }));
        return piece;
      }
      if (this.#inputEnded) return undefined;
      if (this.#failure !== undefined) throw new Error(this.#failure === BROKEN_PIPE ? READ_RESET : this.#failure);
      await this.#change();
    }
  }

  async end(): Promise<void> {
    if (this.#failure !== undefined) throw new Error(this.#failure);
    this.#socket.send(JSON.stringify({ end: true }));
    while (!this.#ended) {
      if (this.#failure !== undefined) throw new Error(this.#failure);
      await this.#change();
    }
    this.#socket.close();
  }

  destroy(): void {
    this.#fail(BROKEN_PIPE);
    this.#socket.close();
  }
}

/** Sockets by way of the bridge, for one page. */
export class Bridge {
  readonly #address: BridgeAddress | undefined;
  readonly #open: OpenSocket;

  /** @param address undefined: there is none, and each try says what to do */
  constructor(address: BridgeAddress | undefined, open = openSocket) {
    this.#address = address;
    this.#open = open;
  }

  /** @throws (rejects) in QEMU's words where nobody is there */
  connect(uri: string): Promise<ByteDuplex> {
    return this.#channel({ connect: uri });
  }

  /**
   * Resolves when somebody has connected.
   * @param listening told when it waits, with the address
   * @param signal gives up
   */
  listen(uri: string, listening: (address: string) => void = () => {}, signal?: AbortSignal): Promise<ByteDuplex> {
    return this.#channel({ listen: uri }, listening, signal);
  }

  async #channel(
    request: BridgeRequest,
    listening: (address: string) => void = () => {},
    signal?: AbortSignal
  ): Promise<ByteDuplex> {
    if (!this.#address) throw new Error(NO_BRIDGE);
    const { url, token } = this.#address;
    const channel = new BridgeChannel(this.#open(url, [BRIDGE_PROTOCOL, token]), request, listening);
    const stop = (): void => channel.destroy();
    signal?.addEventListener('abort', stop);
    try {
      await channel.opened();
      return channel;
    } catch (error) {
      throw signal?.aborted ? new Error('cancelled') : error;
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }
}
