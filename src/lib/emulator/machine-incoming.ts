/**
 * A stream into a machine, wherever its bytes come from: it is read, compared with what runs here, and loaded. The same
 * for the page and for `migrascope system`.
 */
import type { Problem } from '../vmstate/problem.ts';
import { readSnapshot, type ReadOptions } from '../vmstate/savevm.ts';
import { deviceSection, sectionLabel, type Snapshot } from '../vmstate/snapshot.ts';
import type { ByteSource, ByteStream } from '../vmstate/source.ts';
import { descriptions } from './descriptions.ts';
import { hostTime } from './host/pace.ts';
import { planOf, type Planned } from './machine-plan.ts';
import { loadVmState, type LoadReport, type MigratableMachine } from './migration/incoming.ts';
import { IncomingMigration, type ReceivingMachine } from './migration/incoming-state.ts';
import type { X86CPU } from './target/i386/cpu.ts';
import { supportedFeatures } from './target/i386/cpu-models.ts';
import { featuresInUse } from './target/i386/features-in-use.ts';
import { SEMANTICS } from './target/i386/isa/semantics/registry.ts';
import { TABLE } from './target/i386/isa/table.ts';

export interface Received {
  readonly snapshot: Snapshot;
  readonly planned: Planned;
}

/** Never rejects for what the bytes say. */
export async function receive(
  stream: ByteSource | ByteStream,
  options: Omit<ReadOptions, 'descriptions'> = {}
): Promise<Received> {
  const snapshot = await readSnapshot(stream, { ...options, descriptions });
  return { snapshot, planned: planOf(snapshot) };
}

/**
 * Fills a machine. The report has all that speaks against running it, by the plan, by its sections and by its CPU.
 * @param signal aborts between pages
 */
export async function loadReceived(
  machine: MigratableMachine,
  { snapshot, planned }: Received,
  signal?: AbortSignal
): Promise<LoadReport> {
  const { problems, frozen } = await loadVmState(machine, snapshot, signal);
  return { frozen, problems: [...planned.problems, ...problems, ...cpuProblems(machine, snapshot)] };
}

/**
 * A machine that waits for another host's guest.
 * @param autostart false: it stays paused (-S)
 * @param clock ns since 1970
 */
export const waitForGuest = (machine: ReceivingMachine, autostart: boolean, clock = hostTime): IncomingMigration =>
  new IncomingMigration(machine, {
    ...{ descriptions, autostart, hostTime: clock },
    check: (snapshot) => [...planOf(snapshot).problems, ...cpuProblems(machine, snapshot)]
  });

/** Features that the guest has turned on and that this CPU has not. */
function cpuProblems(machine: MigratableMachine, snapshot: Snapshot): Problem[] {
  const cpu = machine.devices.find('cpu')?.state as X86CPU | undefined;
  const section = deviceSection(snapshot, 'cpu');
  if (!cpu || !section) return [];
  const supported = supportedFeatures(TABLE, (name) => SEMANTICS.has(name));
  const missing = featuresInUse(cpu).filter((name) => !supported.has(name) && !PARAVIRTUAL.has(name));
  if (missing.length === 0) return [];
  return [
    {
      ...{ code: 'cpu-features', severity: 'fatal', at: section.start, section: sectionLabel(section) },
      message: `the guest uses ${missing.join(', ')} of its CPU, which this one has not: it fails where it needs them`,
      hint: 'take the state of a machine with -cpu qemu64 or -cpu max under -accel tcg'
    }
  ];
}

/** A guest that has asked KVM for these goes on without: nothing is ever delivered, and its clock is kept up to date. */
const PARAVIRTUAL: ReadonlySet<string> = new Set(['kvmclock', 'kvm-asyncpf', 'kvm-pv-eoi', 'kvm-steal-time']);
