/** A whole PC with little memory, for tests that need a machine and no guest. */
import { HostMemory } from '../../src/lib/emulator/host/memory.ts';
import { HostPace } from '../../src/lib/emulator/host/pace.ts';
import { Machine } from '../../src/lib/emulator/machine.ts';
import { planOfOptions } from '../../src/lib/emulator/machine-options.ts';
import type { MachinePlan } from '../../src/lib/emulator/machine-plan.ts';
import { parseOptions } from '../../src/lib/emulator/system/vl.ts';

const OPTIONS = '-M pc-i440fx-7.2 -m 16 -nodefaults -serial null';

/** 16 MiB, one serial port, no drives but those of `plan`; reset and paused. */
export function smallMachine(plan: Partial<MachinePlan> = {}): Machine {
  const small = planOfOptions(parseOptions(OPTIONS.split(' '))).plan;
  return new Machine({ ...small, ...plan }, { host: new HostMemory(), pace: new HostPace(), hostTime: 0n });
}
