/** -rtc: what time the machine's clock shows when it starts. Source: QEMU system/rtc.c configure_rtc. */
import type { Properties } from '../../vmstate/command-line.ts';
import { OptionError } from './qemu-option.ts';

const NS_A_MS = 1_000_000n;
const MS_A_MINUTE = 60_000;
const DATE = /^(\d{1,4})-(\d{1,2})-(\d{1,2})(?:T(\d{1,2}):(\d{1,2}):(\d{1,2}))?$/;
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  clock: ['host', 'rt', 'vm'],
  driftfix: ['none', 'slew']
};

/** @throws OptionError */
function dateOf(text: string): number {
  const [, ...parts] = DATE.exec(text) ?? [];
  const [year, month, day, hour = 0, minute = 0, second = 0] = parts.map((part) => Number(part ?? 0));
  const ms = parts.length === 0 ? NaN : Date.UTC(year!, month! - 1, day, hour, minute, second);
  if (Number.isNaN(ms))
    throw new OptionError("invalid datetime format, valid formats: '2006-06-17T16:01:21' or '2006-06-17'");
  return ms;
}

/**
 * The time of a machine that starts now. Its clock goes with the guest's virtual time, whichever `clock` is named.
 * @param now ms since 1970
 * @returns ns since 1970
 * @throws OptionError
 */
export function rtcStart(rtc: Properties, now: number): bigint {
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value = rtc.get(name);
    if (value !== undefined && !choices.includes(value)) throw new OptionError(`invalid option value '${value}'`);
  }
  const base = rtc.get('base') ?? 'utc';
  const local = now - new Date(now).getTimezoneOffset() * MS_A_MINUTE;
  return BigInt(base === 'utc' ? now : base === 'localtime' ? local : dateOf(base)) * NS_A_MS;
}
