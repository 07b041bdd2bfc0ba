/** Page side of the workers: starts them and hands out plain objects, so that no view knows about comlink. */
import { proxy, wrap } from 'comlink';
import type { Inspector } from './api.ts';
import { followLooks } from './look-news.ts';
import type { MachineHost } from './machine-api.ts';

type Call = (...args: unknown[]) => Promise<unknown>;

/**
 * What a worker exposes. Callbacks may be passed as they are.
 * @param crashed told when the worker itself fails; every call under way is rejected then, none hangs
 * @param what the worker is, in words
 */
function exposedBy<T extends object>(
  worker: Worker,
  what: string,
  crashed: (message: string) => void
): { exposed: T; stop: () => void } {
  const remote = wrap(worker) as unknown as Record<string, Call>;
  const waiting = new Set<(error: Error) => void>();

  const fail = (message: string) => {
    for (const reject of waiting) reject(new Error(message));
    waiting.clear();
    crashed(message);
  };
  worker.addEventListener('error', (event) => fail(event.message || `${what} could not be loaded`));
  worker.addEventListener('messageerror', () => fail(`${what} sent what the page cannot read`));

  const call = (name: string, args: readonly unknown[]) =>
    new Promise((resolve, reject) => {
      waiting.add(reject);
      remote[name]!(...args.map((a) => (typeof a === 'function' ? proxy(a) : a)))
        .then(resolve, reject)
        .finally(() => waiting.delete(reject));
    });

  const exposed = new Proxy({} as T, {
    // A promise that resolves to the proxy must not take it for a promise.
    get: (_, name) =>
      typeof name === 'string' && name !== 'then' ? (...args: unknown[]) => call(name, args) : undefined
  });
  return { exposed, stop: () => worker.terminate() };
}

/** Starts the worker that parses for the explorer. */
export function startInspector(crashed: (message: string) => void): { inspector: Inspector; stop: () => void } {
  const worker = new Worker(new URL('./inspect.worker.ts', import.meta.url), { type: 'module' });
  const { exposed, stop } = exposedBy<Inspector>(worker, 'the parser', crashed);
  return { inspector: exposed, stop };
}

/** Starts a worker that runs machines. One that crashed is to be stopped; another can be started. */
export function startMachineHost(crashed: (message: string) => void): { host: MachineHost; stop: () => void } {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'machine' });
  const { exposed, stop } = exposedBy<MachineHost>(worker, 'the machine', crashed);
  const look = followLooks(exposed);
  const host = new Proxy(exposed, { get: (all, name) => (name === 'look' ? look : Reflect.get(all, name)) });
  return { host, stop };
}
