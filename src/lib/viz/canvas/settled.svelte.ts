/** Follows something that changes with every frame, once it stands still. */
import { untrack } from 'svelte';
import type { Activity } from '../activity.ts';

const STANDSTILL = 150;

/** Make it while a component initialises. */
export class Settled<T> {
  value = $state.raw<T>();

  constructor(source: () => T, activity: Activity) {
    $effect(() => {
      const now = source();
      const first = untrack(() => this.value === undefined);
      let done = (): void => undefined;
      void activity.track(new Promise<void>((resolve) => (done = resolve)));
      const settle = () => {
        this.value = now;
        done();
      };
      const timer = setTimeout(settle, first ? 0 : STANDSTILL);
      return () => {
        clearTimeout(timer);
        done();
      };
    });
  }
}
