/** States of native QEMU into the board and out again, without a CPU: every device must give back the bytes it got. */
import { describe, expect, test } from 'vitest';
import { descriptions } from '../../../../src/lib/emulator/descriptions.ts';
import { HostMemory } from '../../../../src/lib/emulator/host/memory.ts';
import { DeviceList, saveDevice } from '../../../../src/lib/emulator/hw/core/qdev.ts';
import { lowmemOf, pcPiix } from '../../../../src/lib/emulator/hw/i386/pc_piix.ts';
import { Chardev } from '../../../../src/lib/emulator/chardev/char.ts';
import { loadVmState, type MigratableMachine } from '../../../../src/lib/emulator/migration/incoming.ts';
import { saveVmState } from '../../../../src/lib/emulator/migration/outgoing.ts';
import { vmstate_timers } from '../../../../src/lib/emulator/system/cpu-timers.ts';
import { VirtualClock } from '../../../../src/lib/emulator/system/virtual-clock.ts';
import { QEMUClock } from '../../../../src/lib/emulator/util/qemu-timer.ts';
import { readSnapshot } from '../../../../src/lib/vmstate/savevm.ts';
import { bytesSource, readRange } from '../../../../src/lib/vmstate/source.ts';
import { deviceSection, sectionLabel, type Snapshot } from '../../../../src/lib/vmstate/snapshot.ts';
import { placedAt } from '../../../../src/lib/vmstate/vmstate.ts';
import { goldens, withState } from '../../../support/golden.ts';

const seeds = goldens().filter(({ name }) => /\/(linux-seed|pc-seed|serial-busy)$/.test(name));
if (seeds.length === 0) console.warn('SKIPPED: no streams of native QEMU; make them with: npm run golden');

/** The number at a path of a section of the stream. */
const fieldOf = (snapshot: Snapshot, name: string, path: string): bigint =>
  placedAt(deviceSection(snapshot, name)!.fields, path)!.value as bigint;

/** When the state was taken: the RTC shows the time that has passed since `base_rtc`. ns since 1970. */
function hostTime(snapshot: Snapshot): bigint {
  const cmos = placedAt(deviceSection(snapshot, 'mc146818rtc')!.fields, 'cmos_data')!.value as Uint8Array;
  const [seconds, minutes, hours, day, month, year] = [0, 2, 4, 7, 8, 9].map((at) => Number(cmos[at]!.toString(16)));
  const shown = BigInt(Date.UTC(2000 + year!, month! - 1, day!, hours!, minutes!, seconds!) / 1000);
  const base = fieldOf(snapshot, 'mc146818rtc', 'base_rtc');
  return fieldOf(snapshot, 'mc146818rtc', 'last_update') + (shown - base) * 1_000_000_000n;
}

/** A board whose clocks stand at the moment at which the state was taken. */
function boardFor(snapshot: Snapshot): MigratableMachine {
  const memory = snapshot.ram.blocks.find((b) => b.idstr === 'pc.ram')!.usedLength;
  const devices = new DeviceList(1);
  const timers = new VirtualClock(() => 0n);
  const hostNow = hostTime(snapshot);
  devices.add({
    ...{ idstr: 'timer', vmsd: vmstate_timers, state: timers },
    preSave: () => timers.preSave(),
    postLoad: () => timers.postLoad()
  });
  const { pc } = pcPiix(
    new HostMemory(),
    {
      ...{
        machine: snapshot.configuration!.machine,
        version: 702,
        firmwareCpu: { vendor: 'AuthenticAMD', version: 0, features: 0 },
        ramName: 'pc.ram',
        memory,
        lowmem: lowmemOf(memory),
        biosSize: 0x40000,
        hpet: true
      },
      ...{
        serials: [new Chardev('serial0')],
        clocks: { virtual: new QEMUClock(() => timers.now()), host: new QEMUClock(() => hostNow) }
      },
      cpu: {
        ...{ interrupt() {}, resetInterrupt() {}, startUp() {}, setApicFeature() {}, tscDeadlinePassed() {} },
        x2apic: false
      },
      ...{ a20() {}, resetRequest() {}, log() {} }
    },
    devices
  );
  return { machine: pc.machine, devices, physmem: pc.physmem, layout: [] };
}

describe.skipIf(seeds.length === 0).each(seeds)('$name', (golden) => {
  test('every device saves what it loaded', { timeout: 60_000 }, async () => {
    await withState(golden, async (source) => {
      const snapshot = await readSnapshot(source, { descriptions });
      const machine = boardFor(snapshot);
      const { problems } = await loadVmState(machine, snapshot);
      expect(problems.filter((p) => p.severity === 'fatal')).toEqual([]);
      for (const section of snapshot.sections) {
        const device = section.kind === 'full' && machine.devices.find(section.name, section.instance);
        if (!device) continue;
        const body = await readRange(snapshot.bytes, section.bodyStart, section.bodyEnd);
        expect([sectionLabel(section), Buffer.from(saveDevice(device).finish()).toString('hex')]).toEqual([
          sectionLabel(section),
          Buffer.from(body).toString('hex')
        ]);
      }
    });
  });

  test('the stream that comes out has the same sections and the same memory', { timeout: 60_000 }, async () => {
    await withState(golden, async (source) => {
      const snapshot = await readSnapshot(source, { descriptions });
      const machine = boardFor(snapshot);
      await loadVmState(machine, snapshot);
      const stream = Buffer.concat([...saveVmState(machine)]);
      const again = await readSnapshot(bytesSource(stream), { descriptions });
      expect(again.problems.filter((p) => p.severity !== 'note')).toEqual([]);
      const full = (s: Snapshot) => s.sections.filter(({ kind }) => kind === 'full').map(sectionLabel);
      expect(full(again)).toEqual(full(snapshot));
      // What is said of it at its end explains it to who knows no device.
      const undescribed = await readSnapshot(bytesSource(stream), {});
      const unexplained = undescribed.sections.filter((s) => s.kind === 'full' && (s.opaque || !s.decodedBy));
      expect(unexplained.map(sectionLabel)).toEqual([]);
      const lengths = (s: Snapshot) => Object.fromEntries(s.ram.blocks.map((b) => [b.idstr, b.usedLength]));
      expect(lengths(again)).toEqual(lengths(snapshot));
    });
  });
});
