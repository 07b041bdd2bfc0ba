/** Knows whether anything is under way: `window.migrascope.idle()` for tests, which never sleep. */
export class Activity {
  #pending = 0;
  #waiting: (() => void)[] = [];

  get busy(): boolean {
    return this.#pending > 0;
  }

  track<T>(promise: Promise<T>): Promise<T> {
    this.#pending++;
    const done = () => {
      // A tick later: what the answer sets off at once counts as the same activity.
      setTimeout(() => {
        if (--this.#pending > 0) return;
        const waiting = this.#waiting;
        this.#waiting = [];
        for (const resolve of waiting) resolve();
      });
    };
    promise.then(done, done);
    return promise;
  }

  /** Settles when nothing is pending. */
  idle(): Promise<void> {
    return this.#pending === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The same object, every promise that its methods return being tracked. */
  watch<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (object, name, receiver) => {
        const member = Reflect.get(object, name, receiver) as unknown;
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          const result = (member as (...args: unknown[]) => unknown).apply(object, args);
          return result instanceof Promise ? this.track(result) : result;
        };
      }
    });
  }
}
