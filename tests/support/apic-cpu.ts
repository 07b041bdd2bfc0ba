/** A CPU as its local APIC sees it, that only remembers. */
import type { ApicCpu } from '../../src/lib/emulator/system/local-apic.ts';

export interface FakeCpu {
  readonly cpu: ApicCpu;
  /** Interrupt requests that are standing. */
  readonly requests: Set<string>;
  readonly started: number[];
  apicFeature: boolean;
  deadlines: number;
}

export function fakeCpu(x2apic = false): FakeCpu {
  const fake: FakeCpu = {
    requests: new Set(),
    started: [],
    apicFeature: true,
    deadlines: 0,
    cpu: {
      x2apic,
      interrupt: (kind) => void fake.requests.add(kind),
      resetInterrupt: () => void fake.requests.delete('HARD'),
      startUp: (vector) => void fake.started.push(vector),
      setApicFeature: (on) => (fake.apicFeature = on),
      tscDeadlinePassed: () => void fake.deadlines++
    }
  };
  return fake;
}
