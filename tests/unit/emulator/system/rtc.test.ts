import { expect, test } from 'vitest';
import { planOfOptions } from '../../../../src/lib/emulator/machine-options.ts';
import { rtcStart } from '../../../../src/lib/emulator/system/rtc.ts';
import { OptionError } from '../../../../src/lib/emulator/system/qemu-option.ts';
import { parseOptions } from '../../../../src/lib/emulator/system/vl.ts';
import { HostMemory } from '../../../../src/lib/emulator/host/memory.ts';
import { HostPace } from '../../../../src/lib/emulator/host/pace.ts';
import { Machine } from '../../../../src/lib/emulator/machine.ts';

const NOW = Date.UTC(2026, 10, 20, 17, 45, 3);
const NS = 1_000_000n;
const startOf = (text: string): bigint => rtcStart(parseOptions(['-rtc', text]).rtc, NOW);

test('the clock shows the time of the host, in UTC or as its people do, or the time that is named', () => {
  expect(rtcStart(new Map(), NOW)).toBe(BigInt(NOW) * NS);
  expect(startOf('utc,clock=vm')).toBe(BigInt(NOW) * NS);
  const zone = new Date(NOW).getTimezoneOffset() * 60_000;
  expect(startOf('base=localtime')).toBe(BigInt(NOW - zone) * NS);
  expect(startOf('2006-06-17T16:01:21')).toBe(BigInt(Date.UTC(2006, 5, 17, 16, 1, 21)) * NS);
  expect(startOf('base=2006-06-17,driftfix=slew')).toBe(BigInt(Date.UTC(2006, 5, 17)) * NS);
});

test.each(['base=yesterday', 'base=2006-06', 'clock=sun', 'driftfix=more'])('-rtc %s is refused', (text) => {
  expect(() => startOf(text)).toThrow(OptionError);
});

test('the guest reads it from CMOS', () => {
  const { plan } = planOfOptions(parseOptions(['-m', '16', '-nic', 'none']));
  const hostTime = startOf('2006-06-17T16:01:21');
  const machine = new Machine(plan, { host: new HostMemory(), pace: new HostPace(), hostTime });
  machine.reset();
  const { ports } = machine.board.pc;
  const shown = [9, 8, 7, 4, 2, 0].map((register) => {
    ports.write(0x70, register, 1);
    return ports.read(0x71, 1).toString(16);
  });
  expect(shown).toEqual(['6', '6', '17', '16', '1', '21']);
  machine.destroy();
});
