/** Clocks, memory and ports for one device that is tried alone. */
import { HostMemory } from '../../src/lib/emulator/host/memory.ts';
import type { Irq } from '../../src/lib/emulator/hw/core/irq.ts';
import type { DeviceHost } from '../../src/lib/emulator/hw/core/qdev.ts';
import { IOPortSpace } from '../../src/lib/emulator/system/ioport.ts';
import { AddressSpace, MemoryRegion } from '../../src/lib/emulator/system/memory.ts';
import { PhysMem } from '../../src/lib/emulator/system/physmem.ts';
import { QEMUClock } from '../../src/lib/emulator/util/qemu-timer.ts';

export const MS = 1_000_000n;
export const SECOND = 1_000_000_000n;

export interface TestHost {
  readonly host: DeviceHost;
  /** Root of the memory, for regions of devices. */
  readonly system: MemoryRegion;
  readonly guestErrors: string[];
  now(): bigint;
  /** Lets time pass on both clocks; each timer runs at its own time. */
  pass(ns: bigint): void;
  /** Lets time pass at once, as when the host was away. */
  jump(ns: bigint): void;
  in(port: number, size?: number): number;
  out(port: number, value: number, size?: number): void;
  /** A line that remembers its level and how often it rose. */
  line(): TestLine;
}
export interface TestLine {
  readonly irq: Irq;
  level: number;
  rises: number;
}

/** @param start of both clocks, in ns */
export function testHost(start: { virtual: bigint; host: bigint } = { virtual: 0n, host: 0n }): TestHost {
  let now = start.virtual;
  const ahead = start.host - start.virtual;
  const clocks = { virtual: new QEMUClock(() => now), host: new QEMUClock(() => now + ahead) };
  const system = MemoryRegion.container('system');
  const ports = new IOPortSpace();
  const guestErrors: string[] = [];
  const host: DeviceHost = {
    clocks,
    physmem: new PhysMem(new HostMemory(256)),
    memory: new AddressSpace('memory', system),
    ports,
    log: (device, message) => guestErrors.push(`${device}: ${message}`)
  };
  const run = (): unknown => [clocks.virtual.run(now), clocks.host.run(now + ahead)];
  /** The next deadline on the virtual clock. */
  const next = (): bigint | undefined => {
    const [a, b] = [clocks.virtual.deadline(), clocks.host.deadline()];
    return a === undefined || (b !== undefined && b - ahead < a) ? b && b - ahead : a;
  };
  return {
    host,
    system,
    guestErrors,
    now: () => now,
    pass(ns) {
      const end = now + ns;
      for (let at = next(); at !== undefined && at < end; at = next()) {
        if (at > now) now = at;
        run();
      }
      now = end;
      run();
    },
    jump(ns) {
      now += ns;
      run();
    },
    in: (port, size = 1) => ports.read(port, size),
    out: (port, value, size = 1) => ports.write(port, value, size),
    line() {
      const line: TestLine = {
        level: 0,
        rises: 0,
        irq(level) {
          if (level && !line.level) line.rises++;
          line.level = level;
        }
      };
      return line;
    }
  };
}
