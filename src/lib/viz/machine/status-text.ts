/** What a machine does, in words and figures. */
import type { MachineStatus, StopReason } from '../../emulator/machine-api.ts';
import { count } from '../format.ts';

const whys: Readonly<Record<StopReason['kind'], (reason: never) => string>> = {
  pause: () => 'paused',
  step: () => 'stepped',
  'halt-forever': () => 'halted, and nothing will wake it',
  back: () => 'in its past',
  'replay-end': () => 'where its recording ends',
  shutdown: () => 'shut down',
  reset: () => 'reset',
  breakpoint: ({ id, what }: { id: number; what?: string }) =>
    `at breakpoint ${id}${what === undefined ? '' : `: ${what}`}`,
  'io-error': ({ drive, message }: { drive: string; message: string }) => `${drive}: ${message}`,
  'internal-error': ({ message }: { message: string }) => `failed: ${message}`
};

/** `running`, `at breakpoint 2`. */
export function stateText({ state, stopped }: MachineStatus): string {
  if (state === 'running') return 'running';
  if (!stopped) return state === 'prelaunch' ? 'ready' : state;
  return whys[stopped.kind](stopped as never);
}

const units = ['', ' k', ' M', ' G'];
/** `12.3 MIPS` and the like: three digits that matter. */
export function rateText(perSecond: number): string {
  let unit = 0;
  let value = perSecond;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)}${units[unit]} instructions/s`;
}

/** `10.632057158 s`, to the millisecond. */
export function timeText(ns: bigint): string {
  const ms = ns / 1_000_000n;
  return `${count(ms / 1000n)}.${(ms % 1000n).toString().padStart(3, '0')} s`;
}
