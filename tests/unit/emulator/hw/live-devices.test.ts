/** States of native QEMU in live devices: what is loaded is saved again, byte for byte, at the same instant. */
import { describe, expect, test } from 'vitest';
import { descriptions } from '../../../../src/lib/emulator/descriptions.ts';
import { APIC } from '../../../../src/lib/emulator/hw/intc/apic.ts';
import { ApicBus } from '../../../../src/lib/emulator/hw/intc/apic-bus.ts';
import { loadDevice, saveDevice } from '../../../../src/lib/emulator/hw/core/qdev.ts';
import { QemuFileReader } from '../../../../src/lib/vmstate/qemu-file.ts';
import { readSnapshot } from '../../../../src/lib/vmstate/savevm.ts';
import type { Section, Snapshot } from '../../../../src/lib/vmstate/snapshot.ts';
import { readRange } from '../../../../src/lib/vmstate/source.ts';
import { placedAt } from '../../../../src/lib/vmstate/vmstate.ts';
import { goldens, withState } from '../../../support/golden.ts';
import { pcChips } from '../../../support/pc-chips.ts';
import { fakeCpu } from '../../../support/apic-cpu.ts';

const pcs = goldens().filter(({ name }) => /\/(pc.*|linux.*|in-flight.*|q35.*)$/.test(name));

const valueOf = (section: Section | undefined, path: string): bigint =>
  BigInt((section && (placedAt(section.fields ?? [], path)?.value as bigint | number)) ?? 0);

/** When the stream was saved, on the clock of the RTC: what its registers show is then. */
function hostTime(snapshot: Snapshot): bigint {
  const rtc = snapshot.sections.find((s) => s.name === 'mc146818rtc');
  const at = (name: string): number => {
    const byte = Number(valueOf(rtc, `cmos_data.${name}`));
    return (byte >> 4) * 10 + (byte & 15);
  };
  const shown = Date.UTC(
    at('century') * 100 + at('year'),
    at('month') - 1,
    at('day_of_month'),
    at('hours'),
    at('minutes'),
    at('seconds')
  );
  const since = BigInt(shown / 1000) - valueOf(rtc, 'base_rtc');
  return valueOf(rtc, 'last_update') - valueOf(rtc, 'offset') + since * 1_000_000_000n + 1n;
}

describe.skipIf(pcs.length === 0)('live devices keep the state of native QEMU', () => {
  test.each(pcs)('$name', async (golden) => {
    await withState(golden, async (source) => {
      const snapshot = await readSnapshot(source, { descriptions });
      const timer = snapshot.sections.find((s) => s.name === 'timer');
      const chips = pcChips(0n, { virtual: valueOf(timer, 'cpu_clock_offset'), host: hostTime(snapshot) });
      const bus = new ApicBus(chips.host, {
        picOutput: () => chips.pic.output,
        readPic: () => chips.pic.readIrq(),
        endOfInterrupt: (vector) => chips.ioapic.endOfInterrupt(vector)
      });
      chips.devices.add(new APIC(bus, fakeCpu().cpu));
      const differences: string[] = [];
      const seen: string[] = [];
      for (const { idstr, instance_id, device } of chips.devices.entries) {
        const section = snapshot.sections.find((s) => s.name === idstr && s.instance === instance_id);
        if (!section) continue;
        seen.push(idstr);
        const body = await readRange(snapshot.bytes, section.bodyStart, section.bodyEnd);
        const { refusal } = loadDevice(device, new QemuFileReader(body, section.bodyStart), section.version);
        if (refusal) differences.push(refusal);
        const saved = Buffer.from(saveDevice(device).finish()).toString('hex');
        const theirs = Buffer.from(body).toString('hex');
        if (saved !== theirs) differences.push(`${idstr}/${instance_id}\n ours ${saved}\nQEMU's ${theirs}`);
      }
      expect(differences).toEqual([]);
      expect(seen).toEqual(expect.arrayContaining(['apic', 'i8254', 'i8259', 'ioapic', 'mc146818rtc', 'port92']));
    });
  });
});
