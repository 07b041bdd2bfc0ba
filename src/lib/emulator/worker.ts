/** The worker that runs machines. Exposed before anything is awaited: a call must not be lost. */
import { expose } from 'comlink';
import { createMachineHost } from './machine-host.ts';

expose(createMachineHost());

// What nobody waited for must not be lost either: thrown anew, the page is told that the worker failed.
self.addEventListener('unhandledrejection', ({ reason }) => {
  setTimeout(() => {
    throw reason;
  });
});
