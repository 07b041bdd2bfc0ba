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

type Read = (address: number, size: number) => number;

export class ClockReads {
  /** Of the last instruction. */
  source: string | undefined;

  constructor({ board, time }: Machine) {
    const { cpuMemory, ports } = board.pc;
    cpuMemory.read = this.#watched(cpuMemory, cpuMemory.read.bind(cpuMemory));
    ports.in = this.#watched(ports.space, ports.in.bind(ports));
    const ticks = time.ticks.bind(time);
    time.ticks = () => {
      this.source = 'TSC';
      return ticks();
    };
  }

  #watched(space: AddressSpace, read: Read): Read {
    return (address, size) => {
      const range = space.find(address);
      const clock = range && CLOCKS[range.region.name];
      const offset = range ? (address - range.start + range.offset) & 0xfff : 0;
      if (clock && (clock.at?.includes(offset) ?? true)) this.source = clock.name;
      return read(address, size);
    };
  }
}
