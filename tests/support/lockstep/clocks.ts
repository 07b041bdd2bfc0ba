/** What of our machine's clocks an instruction has looked at: two machines never agree on the time. */
import type { Machine } from '../../../src/lib/emulator/machine.ts';
import type { AddressSpace } from '../../../src/lib/emulator/system/memory.ts';

/** Registers whose value is a time, by memory region, and where there are others too, by offset. */
const CLOCKS: Readonly<Record<string, { readonly name: string; readonly at?: readonly number[] }>> = {
  hpet: { name: 'HPET' },
  pit: { name: 'PIT' },
  pcspk: { name: 'PIT' }, // port 61: the output of channel 2, and the refresh signal
  rtc: { name: 'RTC', at: [1] },
  'acpi-tmr': { name: 'PM timer' },
  'apic-msi': { name: 'LAPIC', at: [0x390] }
};

export class ClockReads {
  /** Of the last instruction. */
  source: string | undefined;

  constructor({ board, time }: Machine) {
    const { cpuMemory, ports } = board.pc;
    this.#watch(cpuMemory, cpuMemory);
    this.#watch(ports, ports.space);
    const ticks = time.ticks.bind(time);
    time.ticks = () => {
      this.source = 'TSC';
      return ticks();
    };
  }

  #watch(reader: { read(address: number, size: number): number }, space: AddressSpace): void {
    const read = reader.read.bind(reader);
    reader.read = (address, size) => {
      const range = space.find(address);
      const clock = range && CLOCKS[range.region.name];
      const offset = range ? (address - range.start + range.offset) & 0xfff : 0;
      if (clock && (clock.at?.includes(offset) ?? true)) this.source = clock.name;
      return read(address, size);
    };
  }
}
