/**
 * The execution log of a native QEMU that runs one instruction at a time (`-d cpu,fpu,int,nochain`), read while it is
 * written: a state before each instruction, and between them what `-d int` says of interrupts and exceptions.
 * Source: QEMU accel/tcg/cpu-exec.c log_cpu_exec, target/i386/tcg/seg_helper.c do_interrupt_all.
 */
import { open, type FileHandle } from 'node:fs/promises';

/** An interrupt or exception that native delivered; in real mode QEMU logs none. */
export interface Delivery {
  readonly vector: number;
  /** 0 where the vector has none. */
  readonly error: number;
  /** INT n and the like. */
  readonly software: boolean;
  /** The state just before, as `Entry.state` but without the FPU's part. */
  readonly before: string;
}

/** The CPU before an instruction. */
export interface Entry {
  /** What `info registers` prints, from the line of RAX on. */
  readonly state: string;
  /** What came after it and before the next entry. */
  readonly deliveries: readonly Delivery[];
}

/** Lines that belong to a state: registers behind EFER, which the log may leave out. */
const FPU_LINE = /^(FCW|FPR|XMM|YMM)/;
const DELIVERED = /^ *\d+: v=([0-9a-f]{2}) e=([0-9a-f]{4}) i=(\d)/;
/** These are followed by a state of their own. */
const SMM = /^SMM: /;

interface Block {
  readonly state: string;
  readonly notes: readonly string[];
}

/** @param text from `RAX=` to the next one */
function blockOf(text: string): Block {
  let end = text.indexOf('\n', text.indexOf('\nEFER=') + 1) + 1;
  while (FPU_LINE.test(text.slice(end, end + 3))) end = text.indexOf('\n', end) + 1;
  const lazy = text.indexOf('\nCCS=');
  const state = text.slice(0, lazy) + text.slice(text.indexOf('\n', lazy + 1), end - 1);
  return { state, notes: end === text.length ? [] : text.slice(end).split('\n') };
}

export const withoutFpu = (state: string): string => {
  const at = state.indexOf('\nFCW=');
  return at < 0 ? state : state.slice(0, at);
};

export class NativeLog {
  readonly #file: FileHandle;
  readonly #bytes = Buffer.alloc(1 << 18);
  #text = '';
  /** What comes before the first state. */
  #head = '';
  #ahead: Block | undefined;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** The first entry: a state that is not in the log, and what native took before its first instruction. */
  async first(state: string): Promise<Entry> {
    this.#ahead = await this.#block();
    return { state, deliveries: await this.#deliveries(this.#head.split('\n')) };
  }

  /** Waits until somebody opens the FIFO for writing. */
  static async open(path: string): Promise<NativeLog> {
    return new NativeLog(await open(path, 'r'));
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** Undefined at the end of the log. */
  async next(): Promise<Entry | undefined> {
    const block = this.#ahead;
    if (!block) return undefined;
    this.#ahead = await this.#block();
    return { state: block.state, deliveries: await this.#deliveries(block.notes) };
  }

  /** What notes announce: states that are no instruction's. */
  async #deliveries(notes: readonly string[]): Promise<Delivery[]> {
    const deliveries: Delivery[] = [];
    while (this.#ahead) {
      const delivered = notes.map((note) => DELIVERED.exec(note)).find((match) => match !== null);
      if (!delivered && !notes.some((note) => SMM.test(note))) break;
      if (delivered) {
        const [vector, error] = [1, 2].map((n) => parseInt(delivered[n]!, 16));
        const software = delivered[3] === '1';
        deliveries.push({ vector: vector!, error: error!, software, before: this.#ahead.state });
      }
      ({ notes } = this.#ahead);
      this.#ahead = await this.#block();
    }
    return deliveries;
  }

  async #block(): Promise<Block | undefined> {
    for (;;) {
      const block = this.#takeBlock();
      if (block) return block;
      const { bytesRead } = await this.#file.read(this.#bytes, 0, this.#bytes.length);
      if (bytesRead === 0) return undefined;
      this.#text += this.#bytes.toString('latin1', 0, bytesRead);
    }
  }

  /** The next block, as soon as the one behind it has begun. */
  #takeBlock(): Block | undefined {
    // RAX= and EAX=, once in each block.
    const from = this.#text.indexOf('AX=') - 1;
    const to = this.#text.indexOf('AX=', from + 4) - 1;
    if (to < 0) return undefined;
    if (from > 0) this.#head = this.#text.slice(0, from);
    const block = blockOf(this.#text.slice(from, to));
    this.#text = this.#text.slice(to);
    return block;
  }
}
