/** What a machine is doing, and who is told when that changes. Source: QEMU system/runstate.c, qapi/run-state.json. */
import type { RunState, StopReason } from '../machine-api.ts';

const RUN_STATES: ReadonlySet<string> = new Set<RunState>([
  ...(['prelaunch', 'inmigrate', 'running', 'paused', 'debug', 'io-error', 'internal-error'] as const),
  ...(['shutdown', 'suspended', 'finish-migrate', 'postmigrate'] as const)
]);
export const isRunState = (text: string): text is RunState => RUN_STATES.has(text);

export class RunStateMachine {
  #state: RunState = 'prelaunch';
  #stopped: StopReason | undefined;
  readonly #told: ((state: RunState, running: boolean) => void)[] = [];

  get state(): RunState {
    return this.#state;
  }
  /** Why it does not run; undefined while it does, or before it ever did. */
  get stopped(): StopReason | undefined {
    return this.#stopped;
  }
  get running(): boolean {
    return this.#state === 'running';
  }
  /** It cannot go on as it is. Source: runstate_needs_reset. */
  get needsReset(): boolean {
    return this.#state === 'shutdown' || this.#state === 'internal-error';
  }

  set(state: RunState, stopped?: StopReason): void {
    const was = this.running;
    this.#state = state;
    this.#stopped = stopped;
    if (was !== this.running) for (const tell of this.#told) tell(state, this.running);
  }

  /** QEMU: qemu_add_vm_change_state_handler. */
  onChange(tell: (state: RunState, running: boolean) => void): void {
    this.#told.push(tell);
  }
}
