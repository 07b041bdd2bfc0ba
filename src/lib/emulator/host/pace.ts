/** Real time and waiting, in a worker and in Node alike. */
import type { Pace } from '../system/cpus.ts';

const NS_A_MS = 1e6;

/** The clock on the wall: ns since 1970. */
export const hostTime = (): bigint => BigInt(Date.now()) * BigInt(NS_A_MS);

/** Browsers clamp nested timers to 4 ms: a message comes at once. */
const immediate: (callback: () => void) => void =
  typeof (globalThis as { setImmediate?: unknown }).setImmediate === 'function'
    ? (globalThis as unknown as { setImmediate: (callback: () => void) => void }).setImmediate
    : byMessage();

function byMessage(): (callback: () => void) => void {
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.onmessage = () => waiting.shift()?.();
  return (callback) => {
    waiting.push(callback);
    port2.postMessage(undefined);
  };
}

export class HostPace implements Pace {
  #wake: (() => void) | undefined;

  now(): bigint {
    return BigInt(Math.round(performance.now() * NS_A_MS));
  }

  sleep(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(() => this.wake(), Math.min(ms, 2 ** 31 - 1));
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }

  wake(): void {
    this.#wake?.();
  }

  yield(): Promise<void> {
    return new Promise(immediate);
  }
}
