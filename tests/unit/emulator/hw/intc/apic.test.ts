import { expect, test } from 'vitest';
import { APIC } from '../../../../../src/lib/emulator/hw/intc/apic.ts';
import { APIC_DEFAULT_ADDRESS, ApicBus } from '../../../../../src/lib/emulator/hw/intc/apic-bus.ts';
import { loadDevice, saveDevice } from '../../../../../src/lib/emulator/hw/core/qdev.ts';
import { QemuFileReader } from '../../../../../src/lib/vmstate/qemu-file.ts';
import { fakeCpu } from '../../../../support/apic-cpu.ts';
import { testHost } from '../../../../support/device-host.ts';

const MASKED = 0x10000;
const REG = {
  ...{ ID: 0x20, VERSION: 0x30, TPR: 0x80, PPR: 0xa0, EOI: 0xb0, LDR: 0xd0, DFR: 0xe0, SVR: 0xf0 },
  ...{ ISR: 0x100, TMR: 0x180, IRR: 0x200, ESR: 0x280, ICR0: 0x300, ICR1: 0x310, LVT_TIMER: 0x320, LVT_LINT0: 0x350 },
  ...{ LVT_LINT1: 0x360, INITIAL: 0x380, CURRENT: 0x390, DIVIDE: 0x3e0 }
} as const;

/** As many CPUs as wanted; the first one is running, its APIC on by software. */
function setup(cpus = 1, x2apic = false) {
  const board = testHost();
  const pic = { output: false, vector: 0x08 };
  const ended: number[] = [];
  const bus = new ApicBus(board.host, {
    picOutput: () => pic.output,
    readPic: () => pic.vector,
    endOfInterrupt: (vector) => ended.push(vector)
  });
  const all = Array.from({ length: cpus }, (_, n) => {
    const cpu = fakeCpu(x2apic);
    return { ...cpu, fake: cpu, apic: new APIC(bus, cpu.cpu, n) };
  });
  board.system.addSubregion(APIC_DEFAULT_ADDRESS, bus.region, 0x1000);
  const { memory } = board.host;
  const read = (at: number): number => memory.read(APIC_DEFAULT_ADDRESS + at, 4);
  const write = (at: number, value: number): void => memory.write(APIC_DEFAULT_ADDRESS + at, value, 4);
  for (const { apic } of all) {
    bus.current = apic;
    write(REG.SVR, 0x1ff);
  }
  bus.current = all[0]!.apic;
  const { apic, requests, fake } = all[0]!;
  return { ...board, bus, pic, ended, all, apic, requests, fake, read, write };
}

test('registers after reset', () => {
  const { read, apic } = setup();
  apic.reset();
  const names = ['ID', 'VERSION', 'TPR', 'LDR', 'DFR', 'SVR', 'LVT_TIMER', 'LVT_LINT0', 'CURRENT', 'ESR'] as const;
  expect(names.map((name) => read(REG[name]))).toEqual([0, 0x50014, 0, 0, 0xffffffff, 0xff, MASKED, MASKED, 0, 0]);
  expect(apic.apicBase()).toBe(0xfee00900n);
});

test('only whole registers are read and written', () => {
  const { host, read } = setup();
  host.memory.write(APIC_DEFAULT_ADDRESS + REG.TPR, 0x30, 1);
  expect([host.memory.read(APIC_DEFAULT_ADDRESS + REG.SVR, 2), read(REG.TPR)]).toEqual([0, 0]);
});

test('an illegal register sets its bit in ESR', () => {
  const { read } = setup();
  read(0x2a0);
  expect(read(REG.ESR)).toBe(0x80);
});

test('an MSI is requested, acknowledged, in service, ended', () => {
  const { host, apic, requests, read, write, ended } = setup();
  host.memory.write(0xfee00000, 0x0041, 4);
  expect([...requests]).toEqual(['HARD']);
  expect(read(REG.IRR + 0x20)).toBe(2);
  expect(apic.interruptVector()).toBe(0x41);
  expect([read(REG.IRR + 0x20), read(REG.ISR + 0x20), read(REG.PPR)]).toEqual([0, 2, 0x40]);
  expect([...requests]).toEqual([]);
  write(REG.EOI, 0);
  expect([read(REG.ISR + 0x20), ended]).toEqual([0, []]);
});

test('the end of a level-triggered interrupt is told to the I/O APICs', () => {
  const { host, apic, write, ended } = setup();
  host.memory.write(0xfee00000, 0x8041, 4);
  apic.interruptVector();
  write(REG.EOI, 0);
  expect(ended).toEqual([0x41]);
});

test('what is not above the processor priority waits', () => {
  const { host, apic, requests, write } = setup();
  host.memory.write(0xfee00000, 0x41, 4);
  expect(apic.interruptVector()).toBe(0x41);
  host.memory.write(0xfee00000, 0x4f, 4);
  expect([...requests]).toEqual([]);
  host.memory.write(0xfee00000, 0x51, 4);
  expect([...requests]).toEqual(['HARD']);
  expect(apic.interruptVector()).toBe(0x51);
  write(REG.EOI, 0);
  expect([...requests]).toEqual([]);
  write(REG.EOI, 0);
  expect([...requests]).toEqual(['HARD']);
});

test('CR8 is the upper half of the task priority', () => {
  const { host, apic, requests, read } = setup();
  apic.setCr8(5);
  expect([read(REG.TPR), apic.cr8()]).toEqual([0x50, 5]);
  host.memory.write(0xfee00000, 0x51, 4);
  expect([...requests]).toEqual([]);
  apic.setCr8(4);
  expect([...requests]).toEqual(['HARD']);
});

test('a request whose priority was taken away meanwhile is spurious', () => {
  const { host, apic, write } = setup();
  host.memory.write(0xfee00000, 0x41, 4);
  write(REG.TPR, 0x80);
  expect(apic.interruptVector()).toBe(0xff);
});

test('the 8259s come through LINT0 as ExtINT, before everything else, whatever the priority', () => {
  const { bus, host, apic, pic, requests, write } = setup();
  write(REG.LVT_LINT0, 0x700);
  write(REG.TPR, 0xf0);
  pic.output = true;
  bus.picIrq(1);
  expect([...requests]).toEqual(['HARD']);
  host.memory.write(0xfee00000, 0x41, 4);
  expect(apic.interruptVector()).toBe(0x08);
  pic.output = false;
  bus.picIrq(0);
  expect([...requests]).toEqual([]);
});

test('LINT0 masked keeps the 8259s out', () => {
  const { bus, pic, requests } = setup();
  pic.output = true;
  bus.picIrq(1);
  expect([...requests]).toEqual([]);
});

test('without an APIC the 8259s are wired to the CPU', () => {
  const { bus, apic, pic, requests, fake } = setup();
  expect(apic.setApicBase(0xfee00000n)).toBe(true);
  expect(fake.apicFeature).toBe(false);
  pic.output = true;
  bus.picIrq(1);
  expect([...requests]).toEqual(['HARD']);
  expect(apic.interruptVector()).toBe(0x08);
  bus.picIrq(0);
  expect([...requests]).toEqual([]);
});

test('LINT1 as NMI', () => {
  const { apic, requests, write } = setup();
  apic.deliverNmi();
  expect([...requests]).toEqual([]);
  write(REG.LVT_LINT1, 0x400);
  apic.deliverNmi();
  expect([...requests]).toEqual(['NMI']);
});

test('a one-shot timer counts down from its initial count and fires once', () => {
  const { read, write, pass, requests, apic, host } = setup();
  write(REG.DIVIDE, 0x3);
  write(REG.LVT_TIMER, 0xec);
  write(REG.INITIAL, 1000);
  pass(160n);
  expect(read(REG.CURRENT)).toBe(990);
  pass(16_000n - 160n);
  expect([read(REG.CURRENT), [...requests]]).toEqual([0, []]);
  pass(17n);
  expect([...requests]).toEqual(['HARD']);
  expect(apic.interruptVector()).toBe(0xec);
  expect([apic.timer_expiry, host.clocks.virtual.deadline()]).toEqual([-1n, undefined]);
});

test('a periodic timer goes on; masking stops it', () => {
  const { write, pass, apic, requests } = setup();
  write(REG.DIVIDE, 0xb);
  write(REG.LVT_TIMER, 0x200ec);
  write(REG.INITIAL, 999);
  let ticks = 0;
  for (let i = 0; i < 10; i++) {
    pass(1000n);
    if (requests.has('HARD') && apic.interruptVector() === 0xec) ticks++;
    write(REG.EOI, 0);
  }
  expect(ticks).toBe(10);
  write(REG.LVT_TIMER, 0x300ec);
  expect(apic.timer_expiry).toBe(-1n);
});

test('dividers', () => {
  const { write, apic } = setup();
  const shifts = [0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa, 0xb].map((value) => {
    write(REG.DIVIDE, value);
    return apic.count_shift;
  });
  expect(shifts).toEqual([1, 2, 3, 4, 5, 6, 7, 0]);
});

test('the TSC deadline fires once; in that mode the counts do nothing', () => {
  const { write, read, pass, apic, requests, fake } = setup();
  apic.setTscDeadline(100n);
  expect(apic.timer_expiry).toBe(-1n);
  write(REG.LVT_TIMER, 0x400ec);
  write(REG.INITIAL, 1);
  expect(read(REG.CURRENT)).toBe(0);
  apic.setTscDeadline(5_000n);
  pass(4_999n);
  expect([...requests]).toEqual([]);
  pass(2n);
  expect([[...requests], fake.deadlines, apic.timer_expiry]).toEqual([['HARD'], 1, -1n]);
  apic.setTscDeadline(9_000n);
  apic.setTscDeadline(undefined);
  pass(10_000n);
  expect(fake.deadlines).toBe(1);
});

test('logical destinations, flat and by cluster', () => {
  const { bus, all } = setup(3);
  const found = (destination: number, logical = true): number[] =>
    bus.find(destination, logical).map((apic) => apic.instance);
  all.forEach(({ apic }, n) => (apic.log_dest = 1 << n));
  expect([found(0x05), found(0x08)]).toEqual([[0, 2], []]);
  for (const { apic } of all) apic.dest_mode = 0;
  all.forEach(({ apic }, n) => (apic.log_dest = 0x10 * n + 1));
  expect([found(0x11), found(0xf1), found(0x12)]).toEqual([[1], [0, 1, 2], []]);
  expect([found(2, false), found(0xff, false)]).toEqual([[2], [0, 1, 2]]);
});

test('lowest priority goes to one of them', () => {
  const { host, all } = setup(3);
  host.memory.write(0xfeeff000, 0x141, 4);
  expect(all.map(({ requests }) => requests.size)).toEqual([1, 0, 0]);
});

test('interrupt commands: to one, to self, to all, to all others', () => {
  const { write, all } = setup(3);
  const sent = (low: number, high = 0): boolean[] => {
    write(REG.ICR1, high);
    write(REG.ICR0, low);
    return all.map(({ apic }) => {
      const got = apic.irr.some((word) => word !== 0);
      apic.irr.fill(0);
      return got;
    });
  };
  expect(sent(0x41, 0x02000000)).toEqual([false, false, true]);
  expect(sent(0x40041)).toEqual([true, false, false]);
  expect(sent(0x80041)).toEqual([true, true, true]);
  expect(sent(0xc0041)).toEqual([false, true, true]);
});

test('INIT and start-up wake a CPU that waits', () => {
  const { write, all } = setup(2);
  const second = all[1]!;
  expect(second.apic.wait_for_sipi).toBe(1);
  write(REG.ICR1, 0x01000000);
  write(REG.ICR0, 0x4500);
  expect(second.requests.has('INIT')).toBe(true);
  write(REG.ICR0, 0x4608);
  expect(second.requests.has('SIPI')).toBe(true);
  second.apic.sipi();
  second.apic.sipi();
  expect([second.started, second.apic.wait_for_sipi]).toEqual([[8], 0]);
});

test('INIT de-assert wakes nobody', () => {
  const { write, all } = setup(2);
  write(REG.ICR1, 0x01000000);
  write(REG.ICR0, 0x8500);
  expect([...all[1]!.requests]).toEqual([]);
});

test('SMI and NMI by messages', () => {
  const { host, requests } = setup();
  host.memory.write(0xfee00000, 0x200, 4);
  host.memory.write(0xfee00000, 0x400, 4);
  expect([...requests]).toEqual(['SMI', 'NMI']);
});

test('x2APIC: registers are MSRs, the id has 32 bits, the command 64', () => {
  const { apic, requests } = setup(1, true);
  expect(apic.msrRead(0x02)).toBeUndefined();
  expect(apic.setApicBase(0xfee00d00n)).toBe(true);
  expect(apic.msrWrite(0x08, 0x20n)).toBe(true);
  expect([apic.msrRead(0x02), apic.msrRead(0x0d), apic.msrRead(0x08)]).toEqual([0n, 1n, 0x20n]);
  expect([apic.msrRead(0x0e), apic.msrRead(0x31), apic.msrWrite(0x0d, 0n)]).toEqual([undefined, undefined, false]);
  expect(apic.msrWrite(0x30, 0x0000_0000_0000_0041n)).toBe(true);
  expect([...requests]).toEqual(['HARD']);
  expect(apic.msrWrite(0x3f, 0x55n)).toBe(true);
  expect(apic.interruptVector()).toBe(0x55);
});

test('changes of the base MSR that do not exist are refused', () => {
  const with1 = setup(1, true).apic;
  const without = setup(1, false).apic;
  expect(without.setApicBase(0xfee00d00n)).toBe(false);
  expect(with1.setApicBase(0xfee00500n)).toBe(false);
  expect(with1.setApicBase(0xfee00d00n)).toBe(true);
  expect(with1.setApicBase(0xfee00900n)).toBe(false);
  expect(with1.setApicBase(0x1_fee00d00n)).toBe(false);
  expect(with1.setApicBase(0xfee00000n)).toBe(true);
  expect(with1.setApicBase(0xfee00d00n)).toBe(false);
});

test('a loaded state arms its timer; a CPU that waits is saved as one', () => {
  const { apic, all, host } = setup(2);
  apic.timer_expiry = 0x1234n;
  const { refusal } = loadDevice(all[1]!.apic, new QemuFileReader(saveDevice(apic).finish()), 3);
  expect([refusal, host.clocks.virtual.deadline(), all[1]!.apic.wait_for_sipi]).toEqual([undefined, 0x1234n, 0]);
  apic.wait_for_sipi = 1;
  expect(Buffer.from(saveDevice(apic).finish()).toString('latin1')).toContain('apic_sipi');
});

test('shifts and counts of a hostile state do no harm', () => {
  const { apic, read, write, host } = setup();
  apic.count_shift = -2_000_000_000;
  apic.initial_count = 0xffffffff;
  apic.initial_count_load_time = -(2n ** 63n);
  write(REG.LVT_TIMER, 0x200ec);
  expect(read(REG.CURRENT)).toBeGreaterThanOrEqual(0);
  expect(host.clocks.virtual.run()).toBe(apic.timer_expiry <= 0n);
});
