import { expect, test } from 'vitest';
import { MS, SECOND, testHost } from '../../../../support/device-host.ts';
import { QemuFileReader } from '../../../../../src/lib/vmstate/qemu-file.ts';

import { loadDevice, saveDevice } from '../../../../../src/lib/emulator/hw/core/qdev.ts';
import { MC146818Rtc, vmstate_rtc, type RtcOptions } from '../../../../../src/lib/emulator/hw/rtc/mc146818rtc.ts';
import { bitsOf, hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';

/** A PC with 512 MiB on Friday, 20 November 2026, 10:30:55. */
const CMOS = [
  '55 00 30 00 10 00 06 20 11 26 26 02 00 80 00 00',
  '50 00 00 00 07 80 02 ff ff 00 00 00 00 00 00 00',
  zeros(16),
  'ff ff 20 00 00 1f 00 00 30 00 00 00 00 12 00 00',
  zeros(27),
  '00 00 00 00 03',
  zeros(32)
];
const REST = [
  '0f',
  zeros(28),
  'ffffffffffffffff 0000000000000000',
  zeros(24),
  '00000000 00000000 000000006b00215f 18e9ba333daf6e78 0000000000000000 18e9ba33794a3878 18e9e65a012a7878'
];

test('the clock and the memory of a PC', () => {
  const rtc = roundTrip(vmstate_rtc, hex(...CMOS, ...REST));
  expect(rtc.row('cmos_data')).toMatchObject({ type: 'buffer', start: 0, end: 128 });
  expect(rtc.row('cmos_data')?.value).toHaveLength(128);
  expect(rtc.row('cmos_data.hours')).toMatchObject({ start: 4, value: 0x10, about: { radix: 16, clock: true } });
  expect(rtc.row('cmos_data.century')).toMatchObject({ start: 0x32, value: 0x20 });
  expect(rtc.row('cmos_data.memory_above_16M')).toMatchObject({ start: 0x34, value: 496 * 16 });
  expect(rtc.row('cmos_data.base_memory')).toMatchObject({ value: 640 });
  expect(rtc.row('cmos_data.cpus')).toMatchObject({ start: 0x5f, value: 3 });
  expect(bitsOf(rtc.row('cmos_data.boot'))).toEqual({ first: 'hard disk', second: 'floppy' });
  expect(bitsOf(rtc.row('cmos_data.B'))).toEqual({ '24/12': '24 hours' });
  expect(bitsOf(rtc.row('cmos_data.floppy_drives'))).toEqual({ A: '2.88 MiB' });
  expect(rtc.row('base_rtc')).toMatchObject({ value: 1_795_170_655n, about: { unit: 's' } });
});

test('bytes that are skipped are told apart as in the vmdescription', () => {
  const rtc = roundTrip(vmstate_rtc, hex(...CMOS, ...REST));
  expect(rtc.row('unused[0]')).toMatchObject({ start: 129, end: 157 });
  expect(rtc.row('unused[1]')).toMatchObject({ start: 173, end: 197 });
});

test('version 1 ends behind the old timers', () => {
  const rtc = roundTrip(vmstate_rtc, hex(...CMOS, ...REST).subarray(0, 197), 1);
  expect(rtc.row('irq_coalesced')).toBeUndefined();
});

test('interrupts given again when the guest acknowledges', () => {
  const rtc = roundTrip(
    vmstate_rtc,
    hex(...CMOS, ...REST, subsection('mc146818rtc/irq_reinject_on_ack_count', 1, '0003'))
  );
  expect(rtc.state.irq_reinject_on_ack_count).toBe(3);
});

const DATE = BigInt(Date.UTC(2028, 1, 28, 23, 59, 58) / 1000);
const [A, B, C] = [0x0a, 0x0b, 0x0c];

function setup(options: Partial<RtcOptions> = {}) {
  const board = testHost();
  const line = board.line();
  const rtc = new MC146818Rtc(board.host, { irq: line.irq, date: DATE, ...options });
  const get = (index: number): number => {
    board.out(0x70, index);
    return board.in(0x71);
  };
  const set = (index: number, value: number): void => {
    board.out(0x70, index);
    board.out(0x71, value);
  };
  const shown = (): string => [0x32, 9, 8, 7, 4, 2, 0].map((at) => get(at).toString(16).padStart(2, '0')).join(' ');
  return { ...board, rtc, line, get, set, shown };
}

test('the clock runs, over a leap day', () => {
  const { shown, pass, get } = setup();
  expect([shown(), get(6)]).toEqual(['20 28 02 28 23 59 58', 2]);
  pass(2n * SECOND);
  expect([shown(), get(6)]).toEqual(['20 28 02 29 00 00 00', 3]);
});

test('index port reads ones, its upper bit (NMI) is not kept, and 37 is the century too', () => {
  const { out, in: read, rtc, get } = setup();
  out(0x70, 0x8d);
  expect([read(0x70), read(0x71), rtc.cmos_index]).toEqual([0xff, 0x80, 0x0d]);
  expect([get(0x37), rtc.cmos_index]).toEqual([0x20, 0x32]);
});

test('a time that is set goes on from there; SET holds it', () => {
  const { set, shown, pass, get } = setup();
  set(B, 0x82);
  for (const [at, value] of [
    [0x32, 0x19],
    [9, 0x99],
    [8, 0x12],
    [7, 0x31],
    [4, 0x23],
    [2, 0x59],
    [0, 0x59]
  ] as const)
    set(at, value);
  pass(5n * SECOND);
  expect([shown(), get(A) & 0x80]).toEqual(['19 99 12 31 23 59 59', 0]);
  set(B, 0x02);
  pass(SECOND);
  expect(shown()).toBe('20 00 01 01 00 00 00');
});

test('twelve hours and binary', () => {
  const { set, get, pass } = setup();
  set(B, 0x00);
  pass(SECOND);
  expect(get(4)).toBe(0x91);
  pass(SECOND);
  expect(get(4)).toBe(0x12);
  set(B, 0x06);
  pass(SECOND);
  expect([get(9), get(0)]).toEqual([28, 1]);
});

test('the update-ended interrupt comes each second; reading C ends it', () => {
  const { set, get, pass, line } = setup();
  get(C);
  set(B, 0x12);
  pass(SECOND + MS);
  expect([line.level, get(C), line.level, get(C)]).toEqual([1, 0x90, 0, 0]);
  pass(SECOND);
  expect(line.rises).toBe(2);
});

test('the update in progress shows in the last 244 microseconds of a second', () => {
  const { get, pass } = setup();
  pass(SECOND - 250_000n);
  expect(get(A)).toBe(0x26);
  pass(10_000n);
  expect(get(A)).toBe(0xa6);
  pass(240_000n);
  expect(get(A)).toBe(0x26);
});

test('the periodic interrupt at 1024 Hz', () => {
  const { set, get, pass, line } = setup();
  set(A, 0x26);
  set(B, 0x42);
  let ticks = 0;
  for (let i = 0; i < 1000; i++) {
    pass(MS);
    if (get(C) & 0x40) ticks++;
  }
  expect(ticks).toBeGreaterThan(970);
  expect(line.rises).toBe(ticks);
  set(B, 0x02);
  pass(SECOND);
  expect(get(C) & 0x40).toBe(0);
});

test('an alarm at a time of day wakes the machine', () => {
  let woken = 0;
  const { set, get, pass, line } = setup({ wakeup: () => woken++ });
  for (const [at, value] of [
    [5, 0x00],
    [3, 0x00],
    [1, 0x03]
  ] as const)
    set(at, value);
  get(C);
  set(B, 0x22);
  pass(4n * SECOND);
  expect([line.level, woken, get(C) & 0x20]).toEqual([0, 0, 0]);
  pass(SECOND + MS);
  expect([line.level, woken, get(C) & 0xa0]).toEqual([1, 1, 0xa0]);
});

test('an alarm with fields that do not matter comes each minute', () => {
  const { set, get, pass } = setup();
  for (const [at, value] of [
    [5, 0xff],
    [3, 0xc0],
    [1, 0x10]
  ] as const)
    set(at, value);
  get(C);
  let alarms = 0;
  for (let i = 0; i < 180; i++) {
    pass(SECOND);
    if (get(C) & 0x20) alarms++;
  }
  expect(alarms).toBe(3);
});

test('a flag that is set already interrupts as soon as it may', () => {
  const { set, pass, line } = setup();
  pass(2n * SECOND);
  expect(line.level).toBe(0);
  set(B, 0x12);
  expect(line.level).toBe(1);
  set(B, 0x02);
  expect(line.level).toBe(0);
});

test('the divider in reset stops the clock; half a second after it the first update comes', () => {
  const { set, shown, pass, get } = setup();
  set(A, 0x66);
  const before = shown();
  pass(10n * SECOND);
  expect(shown()).toBe(before);
  get(C);
  set(A, 0x26);
  pass(SECOND / 2n - MS);
  expect(get(C)).toBe(0);
  pass(2n * MS);
  expect(get(C) & 0x10).toBe(0x10);
});

test('reset disables interrupts and keeps the time; fe in the shutdown byte stays for the way back from S3', () => {
  const { rtc, set, get, shown } = setup();
  set(B, 0x72);
  rtc.suspend();
  rtc.reset();
  expect([get(B), get(0x0f), shown()]).toEqual([0x12, 0xfe, '20 28 02 28 23 59 58']);
  set(0x0f, 0x05);
  rtc.reset();
  expect(get(0x0f)).toBe(0);
});

test("a loaded clock shows the host's time by then, and its periodic interrupt goes on", () => {
  const from = setup();
  from.set(A, 0x26);
  from.set(B, 0x42);
  from.pass(10n * MS);
  const body = saveDevice(from.rtc).finish();
  const to = setup();
  to.jump(3600n * SECOND);
  expect(loadDevice(to.rtc, new QemuFileReader(body), 3).refusal).toBeUndefined();
  expect(to.shown()).toBe('20 28 02 29 00 59 58');
  to.get(C);
  to.pass(2n * MS);
  expect(to.get(C) & 0x40).toBe(0x40);
});

test('any state runs: registers and times at random do no harm', () => {
  const { rtc, pass, get, in: read } = setup();
  for (let seed = 0; seed < 50; seed++) {
    const body = Uint8Array.from({ length: 256 }, (_, i) => ((i + 1) * (seed + 7) * 2654435761) >>> 11);
    loadDevice(rtc, new QemuFileReader(body), 3);
    pass(MS);
    for (let index = 0; index < 128; index++) expect(get(index)).toBeLessThan(256);
    expect(read(0x71)).toBeLessThan(256);
  }
});
