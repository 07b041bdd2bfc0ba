/** The worker that parses for the explorer. Exposed before anything is awaited: a call must not be lost. */
import { expose } from 'comlink';
import { createInspector } from './inspector.ts';

expose(createInspector());
