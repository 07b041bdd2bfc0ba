/**
 * Character devices: the wire between a device's model and what is outside (a terminal, a file, a socket).
 * Source: QEMU chardev/char-fe.c, chardev/char.c.
 */

/** The device's side. Source: qemu_chr_fe_set_handlers. */
export interface CharFrontend {
  /** Bytes that it takes now. */
  canReceive(): number;
  receive(bytes: Uint8Array): void;
  /** A break on the line. */
  receiveBreak?(): void;
}

/** What a device sees of the other side. */
export interface CharBackend {
  /** Returns how many bytes were taken; fewer when the outside stalls, and `onWritable` is called when it goes on. */
  write(bytes: Uint8Array): number;
  /** The device took input and may take more. Source: qemu_chr_fe_accept_input. */
  acceptInput(): void;
  attach(frontend: CharFrontend, onWritable?: () => void): void;
}

/** Input that the guest has not taken: a terminal that pastes more than this loses the rest, and is told. */
const MAX_PENDING_INPUT = 1 << 20;

/** One character device with both sides. Output goes to `onOutput`; input waits until the guest takes it. */
export class Chardev implements CharBackend {
  readonly label: string;
  /** Where output goes; undefined: nobody listens, as with QEMU's `null`. */
  onOutput: ((bytes: Uint8Array) => void) | undefined;
  /** Output is not passed on: it was, when the machine ran here for the first time. */
  muted = false;
  #frontend: CharFrontend | undefined;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #feeding = false;

  constructor(label: string, onOutput?: (bytes: Uint8Array) => void) {
    this.label = label;
    this.onOutput = onOutput;
  }

  attach(frontend: CharFrontend): void {
    this.#frontend = frontend;
  }

  write(bytes: Uint8Array): number {
    if (!this.muted) this.onOutput?.(bytes);
    return bytes.length;
  }

  /** Bytes from outside. Returns how many were kept. */
  input(bytes: Uint8Array): number {
    const kept = bytes.slice(0, MAX_PENDING_INPUT - this.#pendingBytes);
    if (kept.length > 0) {
      this.#pending.push(kept);
      this.#pendingBytes += kept.length;
      this.acceptInput();
    }
    return kept.length;
  }

  /** What waits, to come back to. */
  get pending(): Uint8Array {
    const all = new Uint8Array(this.#pendingBytes);
    let at = 0;
    for (const part of this.#pending) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
  set pending(bytes: Uint8Array) {
    this.#pending = bytes.length > 0 ? [bytes] : [];
    this.#pendingBytes = bytes.length;
  }

  sendBreak(): void {
    this.#frontend?.receiveBreak?.();
  }

  /** Input that the guest has not yet taken, in bytes. */
  get waiting(): number {
    return this.#pendingBytes;
  }

  acceptInput(): void {
    // A device's receive may read its own data port and so call back.
    if (this.#feeding || !this.#frontend) return;
    this.#feeding = true;
    try {
      for (let first = this.#pending[0]; first; first = this.#pending[0]) {
        const room = this.#frontend.canReceive();
        if (room <= 0) return;
        const part = first.subarray(0, room);
        if (part.length === first.length) this.#pending.shift();
        else this.#pending[0] = first.subarray(part.length);
        this.#pendingBytes -= part.length;
        this.#frontend.receive(part);
      }
    } finally {
      this.#feeding = false;
    }
  }
}
