/**
 * The server's side of a WebSocket, as far as a bridge needs it: no extensions. Source: RFC 6455.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const Op = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** Bytes of one frame; pages send less. */
const MAX_FRAME = 1 << 20;
/** Bytes of one text; they are requests. */
const MAX_TEXT = 1 << 16;
/** Close codes. */
const PROTOCOL_ERROR = 1002;
const TOO_BIG = 1009;
const NORMAL = 1000;

interface Frame {
  readonly last: boolean;
  readonly op: number;
  readonly payload: Buffer;
}

/** The peer does what the protocol forbids. */
class ProtocolError extends Error {
  readonly code: number;
  constructor(message: string, code: number = PROTOCOL_ERROR) {
    super(message);
    this.code = code;
  }
}

/** Cuts what arrives into frames. */
class FrameReader {
  #pieces: Buffer[] = [];
  #length = 0;

  /** The frames that are complete now. @throws ProtocolError */
  *push(piece: Buffer): Generator<Frame> {
    this.#pieces.push(piece);
    this.#length += piece.length;
    for (let frame; (frame = this.#next());) yield frame;
  }

  /** The first n bytes in one piece, where they are there. */
  #head(n: number): Buffer | undefined {
    if (this.#length < n) return undefined;
    if (this.#pieces[0]!.length < n) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0];
  }

  #next(): Frame | undefined {
    const head = this.#head(2);
    if (!head) return undefined;
    const [first, second] = [head[0]!, head[1]!];
    if (first & 0x70) throw new ProtocolError('a reserved bit is set');
    if (!(second & 0x80)) throw new ProtocolError('a frame is not masked');
    const short = second & 0x7f;
    const maskAt = short === 126 ? 4 : short === 127 ? 10 : 2;
    const header = this.#head(maskAt + 4);
    if (!header) return undefined;
    const length = short === 126 ? header.readUInt16BE(2) : short === 127 ? Number(header.readBigUInt64BE(2)) : short;
    if (length > MAX_FRAME) throw new ProtocolError(`a frame of ${length} bytes`, TOO_BIG);
    const op = first & 0xf;
    const last = (first & 0x80) !== 0;
    if (op >= Op.close && (!last || length > 125)) throw new ProtocolError('a control frame is in parts or too long');
    const end = maskAt + 4 + length;
    const whole = this.#head(end);
    if (!whole) return undefined;
    const payload = Buffer.allocUnsafeSlow(length);
    for (let i = 0; i < length; i++) payload[i] = whole[maskAt + 4 + i]! ^ whole[maskAt + (i & 3)]!;
    this.#pieces[0] = whole.subarray(end);
    this.#length -= end;
    if (this.#pieces[0].length === 0) this.#pieces.shift();
    return { last, op, payload };
  }
}

function frameHead(op: number, length: number): Buffer {
  if (length < 126) return Buffer.from([0x80 | op, length]);
  const head = Buffer.alloc(length < 0x10000 ? 4 : 10);
  head[0] = 0x80 | op;
  if (length < 0x10000) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return head;
}

/** What the other side of a WebSocket is told. */
export interface WebSocketListener {
  text(text: string): void;
  /** A part of a binary message: what matters here is their bytes in order. */
  bytes(bytes: Buffer): void;
  /** Once, however it ended. */
  closed(): void;
}

export class WebSocketConnection {
  readonly #socket: Duplex;
  #listener: WebSocketListener | undefined;
  readonly #frames = new FrameReader();
  /** What a message in parts is. */
  #kind: number | undefined;
  #text: Buffer[] = [];
  #open = true;

  private constructor(socket: Duplex) {
    this.#socket = socket;
  }

  #listen(listener: WebSocketListener, head: Buffer): void {
    this.#listener = listener;
    const socket = this.#socket;
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      this.#open = false;
      listener.closed();
    });
    socket.on('data', (piece: Buffer) => this.#take(piece));
    if (head.length > 0) this.#take(head);
  }

  /**
   * Answers the request of a page that the caller has let in; undefined where it is no WebSocket's.
   * @param protocol one of those that it offered
   */
  static accept(
    { headers }: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    protocol: string,
    listener: (connection: WebSocketConnection) => WebSocketListener
  ): WebSocketConnection | undefined {
    const key = headers['sec-websocket-key'];
    if (headers.upgrade?.toLowerCase() !== 'websocket' || headers['sec-websocket-version'] !== '13' || !key)
      return undefined;
    const accepted = createHash('sha1').update(`${key}${GUID}`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Accept: ${accepted}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`
    );
    const connection = new WebSocketConnection(socket);
    connection.#listen(listener(connection), head);
    return connection;
  }

  /** Sends text or bytes; those must not change afterwards. */
  send(message: string | Uint8Array): void {
    if (typeof message === 'string') this.#write(Op.text, Buffer.from(message));
    else this.#write(Op.binary, message);
  }

  close(code: number = NORMAL): void {
    if (!this.#open) return;
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    this.#write(Op.close, payload);
    this.#open = false;
    this.#socket.end();
  }

  #write(op: number, payload: Uint8Array): void {
    if (!this.#open) return;
    this.#socket.write(frameHead(op, payload.length));
    this.#socket.write(payload);
  }

  #take(piece: Buffer): void {
    if (!this.#open) return;
    try {
      for (const frame of this.#frames.push(piece)) {
        this.#frame(frame);
        if (!this.#open) return;
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.close(error.code);
      this.#socket.destroy();
    }
  }

  #frame({ op, last, payload }: Frame): void {
    if (op === Op.close) this.close();
    else if (op === Op.ping) this.#write(Op.pong, payload);
    else if (op === Op.text || op === Op.binary || op === Op.continuation) this.#part(op, last, payload);
    else if (op !== Op.pong) throw new ProtocolError(`frame of the unknown kind ${op}`);
  }

  #part(op: number, last: boolean, payload: Buffer): void {
    if ((op === Op.continuation) !== (this.#kind !== undefined)) throw new ProtocolError('a part is out of order');
    const kind = this.#kind ?? op;
    this.#kind = last ? undefined : kind;
    if (kind === Op.binary) return this.#listener?.bytes(payload);
    this.#text.push(payload);
    if (this.#text.reduce((sum, { length }) => sum + length, 0) > MAX_TEXT)
      throw new ProtocolError('a text is too long', TOO_BIG);
    if (!last) return;
    const text = Buffer.concat(this.#text).toString('utf8');
    this.#text = [];
    this.#listener?.text(text);
  }
}
