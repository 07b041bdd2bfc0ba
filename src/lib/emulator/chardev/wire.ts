/** A port's output for who listens to it: what was said before, then what comes, batched. */
import type { Chardev } from './char.ts';

/** Output kept for who listens late, in bytes. */
const HISTORY = 1 << 20;

export class Wire {
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  readonly #fresh: Uint8Array[] = [];
  #told: ((bytes: Uint8Array) => void) | undefined;

  /** @param before what the same guest said through, on the machine that it came from */
  constructor(port: Chardev, before?: Wire) {
    if (before) {
      this.#chunks.push(...before.#chunks);
      this.#bytes = before.#bytes;
    }
    port.onOutput = (bytes) => {
      // What one slice writes, byte by byte, goes as one message when the slice is over.
      if (this.#fresh.length === 0) queueMicrotask(() => this.#flush());
      this.#fresh.push(bytes.slice());
    };
  }

  /** Tells the last part of what was said, then what comes; who listened before is told no more. */
  listen(told: (bytes: Uint8Array) => void): void {
    this.#told = told;
    if (this.#bytes > 0) told(joined(this.#chunks, this.#bytes));
  }

  #flush(): void {
    const fresh = this.#fresh.splice(0);
    const bytes = joined(
      fresh,
      fresh.reduce((sum, chunk) => sum + chunk.length, 0)
    );
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
    while (this.#bytes > HISTORY) this.#bytes -= this.#chunks.shift()!.length;
    this.#told?.(bytes);
  }
}

function joined(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
