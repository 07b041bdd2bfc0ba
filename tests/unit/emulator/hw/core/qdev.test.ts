import { expect, test } from 'vitest';
import {
  DeviceList,
  loadDevice,
  MigrationPriority,
  saveDevice,
  type Device
} from '../../../../../src/lib/emulator/hw/core/qdev.ts';
import { QemuFileReader } from '../../../../../src/lib/vmstate/qemu-file.ts';
import { u16, u8 } from '../../../../../src/lib/vmstate/vmstate-types.ts';
import { fieldsOf, type VMStateDescription } from '../../../../../src/lib/vmstate/vmstate.ts';

interface CounterState {
  low: number;
  high: number;
}
const c = fieldsOf<CounterState>();
const vmstate_counter: VMStateDescription<CounterState> = {
  name: 'counter',
  version: 2,
  minimumVersion: 1,
  fields: [c('low', u8), c('high', u16, 2)]
};

/** A device that is its own state. */
class Counter implements CounterState, Device {
  readonly idstr = 'counter';
  readonly vmsd = vmstate_counter;
  readonly instance: number;
  readonly priority: number;
  low = 0;
  high = 0;
  log: string[] = [];
  constructor(instance = 0, priority: number = MigrationPriority.MIG_PRI_DEFAULT) {
    this.instance = instance;
    this.priority = priority;
  }
  reset(): void {
    this.low = 0;
    this.log.push('reset');
  }
  preSave(): void {
    this.high = this.low * 2;
  }
  postLoad(version: number): string | undefined {
    this.log.push(`loaded ${version}`);
    return this.low > 100 ? 'too much' : undefined;
  }
}

test('a section fills the live object, and saving gives it back', () => {
  const device = new Counter();
  const loaded = loadDevice(device, new QemuFileReader(Uint8Array.of(7, 0, 14)), 2);
  expect([loaded.refusal, device.low, device.high, device.log]).toEqual([undefined, 7, 14, ['loaded 2']]);
  device.low = 8;
  expect([...saveDevice(device).finish()]).toEqual([8, 0, 16]);
});

test('what post_load refuses and what ends too early is said, not thrown', () => {
  expect(loadDevice(new Counter(), new QemuFileReader(Uint8Array.of(101)), 1).refusal).toBe('too much');
  const short = new Counter();
  expect(loadDevice(short, new QemuFileReader(Uint8Array.of(7, 0)), 2).refusal).toContain('input ends');
  expect(short.log).toEqual([]);
});

test('sections are sent by priority, then by registration; ids count registrations', () => {
  const list = new DeviceList(3);
  list.add(new Counter(0));
  list.add({ idstr: 'no state', reset: () => {} });
  list.add(new Counter(1, MigrationPriority.MIG_PRI_APIC));
  list.add(new Counter(2));
  list.add(new Counter(3, MigrationPriority.MIG_PRI_PCI_BUS));
  expect(list.entries.map((e) => [e.instance_id, e.section_id])).toEqual([
    [1, 4],
    [3, 6],
    [0, 3],
    [2, 5]
  ]);
  expect(list.find('counter', 2)?.instance).toBe(2);
  expect(list.find('counter', 4)).toBeUndefined();
});

test('two devices cannot have one section', () => {
  const list = new DeviceList();
  list.add(new Counter());
  expect(() => list.add(new Counter())).toThrow('Detected duplicate SaveStateEntry: id=counter, instance_id=0');
});

test('reset reaches all devices, an unplugged one no more', () => {
  const list = new DeviceList();
  const a = list.add(new Counter(0));
  const b = list.add(new Counter(1));
  list.remove(b);
  list.reset();
  expect([a.log, b.log, list.entries.length]).toEqual([['reset'], [], 1]);
});
