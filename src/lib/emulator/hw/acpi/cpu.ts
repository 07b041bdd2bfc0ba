/** CPU hotplug. Source: QEMU hw/acpi/cpu.c, docs/specs/acpi_cpu_hotplug.rst. */
import { fieldsOf, struct, type Codec, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { bool, u32, u8 } from '../../../vmstate/vmstate-types.ts';
import { MemoryRegion } from '../../system/memory.ts';
import { arrayOfUnsentCount, type Behind } from '../core/section-end.ts';

export interface AcpiCpuStatus {
  is_inserting: boolean;
  is_removing: boolean;
  ost_event: number;
  ost_status: number;
}
export interface CPUHotplugState {
  selector: number;
  command: number;
  /** One for each possible CPU. */
  devs: AcpiCpuStatus[];
}

const status = fieldsOf<AcpiCpuStatus>();
const vmstate_cpuhp_sts: VMStateDescription<AcpiCpuStatus> = {
  name: 'CPU hotplug device state',
  version: 1,
  minimumVersion: 1,
  fields: [
    status('is_inserting', bool, { doc: 'the guest has not yet seen that it was plugged' }),
    status('is_removing', bool, { doc: 'the guest has not yet seen the request to unplug it' }),
    status('ost_event', u32, { doc: 'source event of _OST' }),
    status('ost_status', u32, { doc: 'status code of _OST' })
  ]
};

export const cpuHotplug = (behind: Behind): Codec<CPUHotplugState> => {
  const field = fieldsOf<CPUHotplugState>();
  return struct({
    name: 'CPU hotplug state',
    version: 1,
    minimumVersion: 1,
    fields: [
      field('selector', u32, { doc: 'CPU that the registers show' }),
      field('command', u8, {
        values: { 0: 'next CPU with an event', 1: 'OST event', 2: 'OST status', 3: 'CPU id' }
      }),
      field('devs', arrayOfUnsentCount(struct(vmstate_cpuhp_sts), { size: 10, least: 1, most: 4096 }, behind), {
        doc: 'one for each possible CPU'
      })
    ]
  });
};

const REG_LEN = 12;
const GET_NEXT_CPU_WITH_EVENT = 0;
const OST_EVENT = 1;
const OST_STATUS = 2;
const GET_CPU_ID = 3;

/** Which CPUs there are, and the registers by which ACPI asks for them. CPUs are not plugged here: what is there stays. */
export class CPUHotplug implements CPUHotplugState {
  selector = 0;
  command = 0;
  devs: AcpiCpuStatus[] = [];
  readonly io: MemoryRegion;
  readonly #present: number;

  /**
   * @param present CPUs that are there; their APIC ids count from 0
   * @param possible CPUs that could be (-smp maxcpus)
   */
  constructor(present: number, possible: number) {
    this.#present = present;
    this.clear(possible);
    this.io = MemoryRegion.io('acpi-cpu-hotplug', REG_LEN, {
      valid: { min: 1, max: 4 },
      read: (addr) => this.#read(addr),
      write: (addr, value) => this.#write(addr, value)
    });
  }

  /** Nothing is to be plugged, nor was said of it. */
  clear(possible: number): void {
    this.devs = Array.from({ length: possible }, () => ({
      ...{ is_inserting: false, is_removing: false, ost_event: 0, ost_status: 0 }
    }));
  }

  /** Source: cpu_hotplug_rd. */
  #read(addr: number): number {
    const cpu = this.devs[this.selector];
    if (!cpu) return 0;
    const present = this.selector < this.#present ? 1 : 0;
    if (addr === 4) return present | (cpu.is_inserting ? 2 : 0) | (cpu.is_removing ? 4 : 0);
    const asked = this.command === GET_NEXT_CPU_WITH_EVENT || this.command === GET_CPU_ID;
    return addr === 8 && asked ? this.selector : 0;
  }

  /** Source: cpu_hotplug_wr. */
  #write(addr: number, value: number): void {
    if (addr === 0) {
      this.selector = value >>> 0;
      return;
    }
    const cpu = this.devs[this.selector];
    if (!cpu) return;
    switch (addr) {
      case 4:
        if (value & 2) cpu.is_inserting = false;
        else if (value & 4) cpu.is_removing = false;
        return;
      case 5:
        if (value > GET_CPU_ID) return;
        this.command = value;
        if (value === GET_NEXT_CPU_WITH_EVENT) this.#selectNextWithEvent();
        return;
      case 8:
        if (this.command === OST_EVENT) cpu.ost_event = value >>> 0;
        else if (this.command === OST_STATUS) cpu.ost_status = value >>> 0;
    }
  }

  #selectNextWithEvent(): void {
    for (let i = 0; i < this.devs.length; i++) {
      const index = (this.selector + i) % this.devs.length;
      const { is_inserting, is_removing } = this.devs[index]!;
      if (!is_inserting && !is_removing) continue;
      this.selector = index;
      return;
    }
  }
}
