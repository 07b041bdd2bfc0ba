/** The interrupt controllers and clocks of a `pc`, wired as QEMU's pc_basic_device_init does, without CPU and PCI. */
import { I8254 } from '../../src/lib/emulator/hw/timer/i8254.ts';
import { HPET, HPET_BASE } from '../../src/lib/emulator/hw/timer/hpet.ts';
import { PCSpk } from '../../src/lib/emulator/hw/audio/pcspk.ts';
import { Port92 } from '../../src/lib/emulator/hw/i386/port92.ts';
import { gsiLines } from '../../src/lib/emulator/hw/i386/x86-common.ts';
import { ISAPic } from '../../src/lib/emulator/hw/intc/i8259.ts';
import { IOAPIC, IOAPIC_DEFAULT_ADDRESS } from '../../src/lib/emulator/hw/intc/ioapic.ts';
import { MC146818Rtc } from '../../src/lib/emulator/hw/rtc/mc146818rtc.ts';
import { DeviceList } from '../../src/lib/emulator/hw/core/qdev.ts';
import { testHost, type TestHost } from './device-host.ts';

export interface PcChips extends TestHost {
  readonly devices: DeviceList;
  readonly pic: ISAPic;
  readonly ioapic: IOAPIC;
  readonly pit: I8254;
  readonly hpet: HPET;
  readonly rtc: MC146818Rtc;
  /** INT of the 8259s. */
  readonly int: { level: number };
}

/**
 * @param date what the clock shows at start, seconds since 1970
 * @param start of the clocks, in ns
 */
export function pcChips(date = 0n, start?: Parameters<typeof testHost>[0]): PcChips {
  const test = testHost(start);
  const { host, system } = test;
  const devices = new DeviceList();
  const int = test.line();
  const pic = new ISAPic(host, int.irq);
  const ioapic = devices.add(new IOAPIC(host, () => pic.readIrq()));
  system.addSubregion(IOAPIC_DEFAULT_ADDRESS, ioapic.region);
  const gsi = gsiLines(pic.irqs, ioapic.irqs);
  const hpet = devices.add(new HPET(host, { irqs: gsi }));
  system.addSubregion(HPET_BASE, hpet.region);
  const rtc = devices.add(new MC146818Rtc(host, { irq: hpet.rtcIrq, date }));
  const pit = devices.add(new I8254(host, hpet.pitIrq));
  hpet.pitEnabled = pit.irqControl;
  devices.add(pic.master);
  devices.add(pic.slave);
  devices.add(new PCSpk(host, pit));
  devices.add(
    new Port92(
      host,
      () => {},
      () => {}
    )
  );
  return { ...test, devices, pic, ioapic, pit, hpet, rtc, int };
}
