/** Commands of the qtest protocol (QEMU system/qtest.c) at random, and done with our own board. */
import type { PCBoard } from './pc-board.ts';

export type Random = (below: number) => number;

/** mulberry32 */
export function randomOf(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const hex = (n: number): string => `0x${n.toString(16)}`;
export const inb = (port: number): string => `inb ${hex(port)}`;
export const inl = (port: number): string => `inl ${hex(port)}`;
export const outb = (port: number, value: number): string => `outb ${hex(port)} ${hex(value)}`;
export const outl = (port: number, value: number): string => `outl ${hex(port)} ${hex(value)}`;

const SIZES: Readonly<Record<string, number>> = { b: 1, w: 2, l: 4 };

/** Does an access to ports or memory. */
export function runCommand({ host, in: read, out: write }: PCBoard, command: string): bigint | undefined {
  const [name = '', first = '0', second = '0', third = ''] = command.split(' ');
  const [at, value, size] = [Number(first), Number(second), SIZES[name.at(-1)!]!];
  if (name === 'write') {
    host.memory.writeBytes(at, Buffer.from(third.slice(2), 'hex'));
    return undefined;
  }
  if (name.startsWith('in')) return BigInt(read(at, size));
  if (name.startsWith('read')) return BigInt(host.memory.read(at, size));
  if (name.startsWith('out')) write(at, value, size);
  else host.memory.write(at, value, size);
  return undefined;
}
