/** Why a machine stopped, in words. */
import { EXCEPTION_NAMES } from '../target/i386/tcg/exceptions.ts';
import { hex } from '../../vmstate/hex.ts';

export interface Told {
  /** `4 bytes`, `port`, `MSR`. */
  readonly what: string;
  readonly at: bigint;
  readonly write: boolean;
  /** Bytes of the access, where `what` does not say it. */
  readonly size?: number;
  /** What a port or an MSR gave or got. */
  readonly value?: number | bigint;
  /** What memory held before and holds after, little-endian; undefined where it is no RAM. */
  readonly before?: Uint8Array | undefined;
  readonly after?: Uint8Array | undefined;
  /** `by 0xffffffff81000000 (name)`. */
  readonly by: string;
}

const number = (bytes: Uint8Array): string => `0x${[...bytes].reverse().map(twoDigits).join('')}`;
const twoDigits = (byte: number): string => byte.toString(16).padStart(2, '0');

/** `write of 4 bytes at 0x1000 by 0x7c00, 0x00000001 → 0x00000002`. */
export function accessText({ what, at, write, size, value, before, after, by }: Told): string {
  const verb = write ? 'write' : 'read';
  const place = size === undefined ? `${what}${value === undefined ? ' at' : ''}` : `${size} B, ${what}`;
  const end =
    value !== undefined
      ? `, ${hex(value)}`
      : !before || !after
        ? ''
        : `, ${number(before)}${write ? ` → ${number(after)}` : ''}`;
  return `${verb} of ${place} ${hex(at)} ${by}${end}`;
}

/** `interrupt 0x20`, `exception 14 #PF`, `int 0x80`. */
export function vectorName(vector: number, cause: 'software' | 'exception' | 'hardware'): string {
  if (cause === 'software') return `int ${hex(vector)}`;
  if (cause === 'hardware') return `interrupt ${hex(vector)}`;
  const name = EXCEPTION_NAMES[vector];
  return `exception ${vector}${name === undefined ? '' : ` #${name}`}`;
}
