/**
 * Registers and CMOS memory of the clock, as a PC's BIOS expects them.
 * Source: QEMU hw/rtc/mc146818rtc_regs.h; hw/i386/pc.c pc_cmos_init, pc_cmos_init_late; MC146818 datasheet.
 */
import type { Bits, Meaning } from '../../../vmstate/vmstate.ts';
import { reg16, reg8, type RegisterInfo } from '../core/register.ts';

export const RTC_SECONDS = 0;
export const RTC_SECONDS_ALARM = 1;
export const RTC_MINUTES = 2;
export const RTC_MINUTES_ALARM = 3;
export const RTC_HOURS = 4;
export const RTC_HOURS_ALARM = 5;
export const RTC_DAY_OF_WEEK = 6;
export const RTC_DAY_OF_MONTH = 7;
export const RTC_MONTH = 8;
export const RTC_YEAR = 9;
export const RTC_REG_A = 10;
export const RTC_REG_B = 11;
export const RTC_REG_C = 12;
export const RTC_REG_D = 13;
export const RTC_SHUTDOWN = 0x0f;
export const RTC_CENTURY = 0x32;
export const RTC_IBM_PS2_CENTURY_BYTE = 0x37;

/** What the clock counts, and what it compares with. */
export const TIME_REGISTERS: ReadonlySet<number> = new Set([
  RTC_SECONDS,
  RTC_MINUTES,
  RTC_HOURS,
  RTC_DAY_OF_WEEK,
  RTC_DAY_OF_MONTH,
  RTC_MONTH,
  RTC_YEAR,
  RTC_CENTURY
]);
export const ALARM_REGISTERS: ReadonlySet<number> = new Set([RTC_SECONDS_ALARM, RTC_MINUTES_ALARM, RTC_HOURS_ALARM]);

export const REG_A_UIP = 0x80;
export const REG_B_SET = 0x80;
export const REG_B_PIE = 0x40;
export const REG_B_AIE = 0x20;
export const REG_B_UIE = 0x10;
export const REG_B_SQWE = 0x08;
export const REG_B_DM = 0x04;
export const REG_B_24H = 0x02;
export const REG_C_IRQF = 0x80;
export const REG_C_PF = 0x40;
export const REG_C_AF = 0x20;
export const REG_C_UF = 0x10;
export const REG_C_MASK = 0x70;

const TIME: Meaning = { doc: 'in BCD, unless register B says binary', radix: 16, clock: true };
const ALARM: Meaning = { doc: 'from C0 on: any', radix: 16 };

const REGISTER_A: Meaning = {
  bits: [
    {
      bit: 0,
      width: 4,
      name: 'RS',
      doc: 'rate of the periodic interrupt: 32768 Hz divided by 2 to the power of RS-1',
      values: { 0: 'none', 1: '256 Hz', 2: '128 Hz', 6: '1024 Hz', 15: '2 Hz' }
    },
    { bit: 4, width: 3, name: 'DV', doc: 'divider', values: { 2: 'runs', 6: 'reset', 7: 'reset' } },
    { bit: 7, name: 'UIP', doc: 'update in progress' }
  ]
};
const REGISTER_B: Meaning = {
  bits: [
    { bit: 0, name: 'DSE', doc: 'daylight saving' },
    { bit: 1, name: '24/12', values: { 0: '12 hours', 1: '24 hours' } },
    { bit: 2, name: 'DM', values: { 0: 'BCD', 1: 'binary' } },
    { bit: 3, name: 'SQWE', doc: 'square wave' },
    { bit: 4, name: 'UIE', doc: 'interrupt after each update' },
    { bit: 5, name: 'AIE', doc: 'alarm interrupt' },
    { bit: 6, name: 'PIE', doc: 'periodic interrupt' },
    { bit: 7, name: 'SET', doc: 'being set: updates stop' }
  ]
};
const REGISTER_C: Meaning = {
  doc: 'cleared when read',
  bits: [
    { bit: 4, name: 'UF', doc: 'updated' },
    { bit: 5, name: 'AF', doc: 'alarm' },
    { bit: 6, name: 'PF', doc: 'periodic' },
    { bit: 7, name: 'IRQF', doc: 'asserts its interrupt' }
  ]
};
const REGISTER_D: Meaning = { bits: [{ bit: 7, name: 'VRT', doc: 'the battery is good' }] };

const SHUTDOWN = {
  0x00: 'cold boot',
  0x05: 'end the interrupt, jump to 40:67',
  0x09: 'back from a block move',
  0x0a: 'jump to 40:67',
  0xfe: 'wake from S3'
};
const pair = (low: string, high: string, values: Readonly<Record<number, string>>): Bits[] => [
  { bit: 4, width: 4, name: high, values },
  { bit: 0, width: 4, name: low, values }
];
const FLOPPIES = { 0: 'none', 1: '360 KiB', 2: '1.2 MiB', 3: '720 KiB', 4: '1.44 MiB', 5: '2.88 MiB' };
const DISKS = { 0: 'none', 15: 'by the next bytes' };
const BOOT = { 0: 'none', 1: 'floppy', 2: 'hard disk', 3: 'CD-ROM', 4: 'network' };
const EQUIPMENT: Meaning = {
  bits: [
    { bit: 0, name: 'floppy', doc: 'there are floppy drives' },
    { bit: 1, name: 'FPU' },
    { bit: 2, name: 'PS/2 mouse' },
    { bit: 4, width: 2, name: 'video', values: { 0: 'VGA', 1: '40 columns', 2: '80 columns', 3: 'monochrome' } },
    { bit: 6, width: 2, name: 'floppies', doc: 'less one' }
  ]
};

/** A hard disk's geometry. Source: cmos_init_hd. */
const disk = (addr: number, name: string): RegisterInfo[] => [
  reg16(addr, `${name}.cylinders`),
  reg8(addr + 2, `${name}.heads`),
  reg16(addr + 3, `${name}.precompensation`, { radix: 16 }),
  reg8(addr + 5, `${name}.control`, { radix: 16 }),
  reg16(addr + 6, `${name}.landing_zone`),
  reg8(addr + 8, `${name}.sectors`)
];
const KIB = 'in KiB';

/** CMOS memory as a PC's BIOS expects it. */
export const CMOS: readonly RegisterInfo[] = [
  reg8(0x00, 'seconds', TIME),
  reg8(0x01, 'seconds_alarm', ALARM),
  reg8(0x02, 'minutes', TIME),
  reg8(0x03, 'minutes_alarm', ALARM),
  reg8(0x04, 'hours', TIME),
  reg8(0x05, 'hours_alarm', ALARM),
  reg8(0x06, 'day_of_week', { ...TIME, doc: '1 is Sunday' }),
  reg8(0x07, 'day_of_month', TIME),
  reg8(0x08, 'month', TIME),
  reg8(0x09, 'year', TIME),
  reg8(0x0a, 'A', REGISTER_A),
  reg8(0x0b, 'B', REGISTER_B),
  reg8(0x0c, 'C', REGISTER_C),
  reg8(0x0d, 'D', REGISTER_D),
  reg8(0x0e, 'diagnostic', { radix: 16 }),
  reg8(0x0f, 'shutdown', { doc: 'what the BIOS does after a reset', values: SHUTDOWN }),
  reg8(0x10, 'floppy_drives', { bits: pair('B', 'A', FLOPPIES) }),
  reg8(0x12, 'disk_types', { bits: pair('second', 'first', DISKS) }),
  reg8(0x14, 'equipment', EQUIPMENT),
  reg16(0x15, 'base_memory', { doc: KIB }),
  reg16(0x17, 'extended_memory', { doc: `${KIB}, from 1 MiB to 64 MiB` }),
  reg8(0x19, 'disk0.type', { values: { 47: 'user-defined' } }),
  reg8(0x1a, 'disk1.type', { values: { 47: 'user-defined' } }),
  ...disk(0x1b, 'disk0'),
  ...disk(0x24, 'disk1'),
  reg16(0x30, 'extended_memory_found', { doc: KIB }),
  reg8(0x32, 'century', TIME),
  reg16(0x34, 'memory_above_16M', { doc: 'in units of 64 KiB, below 4 GiB' }),
  reg8(0x37, 'century_ps2', TIME),
  reg8(0x38, 'boot_3', {
    bits: [
      { bit: 0, name: 'no floppy signature check' },
      { bit: 4, width: 4, name: 'third', values: BOOT }
    ]
  }),
  reg8(0x39, 'disk_translation', {
    bits: [0, 1, 2, 3].map((i) => ({
      bit: 2 * i,
      width: 2,
      name: `disk ${i}`,
      values: { 0: 'none', 1: 'LBA', 2: 'large', 3: 'revised ECHS' }
    }))
  }),
  reg8(0x3d, 'boot', { bits: pair('first', 'second', BOOT) }),
  reg16(0x5b, 'memory_above_4G', { doc: 'in units of 64 KiB, low bytes' }),
  reg8(0x5d, 'memory_above_4G_high', { doc: 'third byte' }),
  reg8(0x5f, 'cpus', { doc: 'CPUs less one' })
];
