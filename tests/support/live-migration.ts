/** Two machines of one process, and a guest that goes from one to the other. */
import { listen } from '../../src/bridge/migration-uri.ts';
import { link, type ByteDuplex, type Link, type LinkOptions } from '../../src/lib/emulator/migration/channel.ts';
import { waitForGuest } from '../../src/lib/emulator/machine-incoming.ts';
import type { MigrationObservation, MigrationRound } from '../../src/lib/emulator/migration-api.ts';
import type { LoadReport } from '../../src/lib/emulator/migration/incoming.ts';
import type { IncomingMigration } from '../../src/lib/emulator/migration/incoming-state.ts';
import type { StartOptions } from '../../src/lib/emulator/migration/migration.ts';
import { deviceSections } from '../../src/lib/emulator/migration/savevm.ts';
import type { Machine } from '../../src/lib/emulator/machine.ts';
import type { Workload } from './workload.ts';

export interface Passage {
  readonly wire: Link;
  /** Resolves when both ends are done. */
  readonly over: Promise<void>;
  readonly seen: readonly MigrationObservation[];
  readonly rounds: () => readonly MigrationRound[];
  /** Why the receiver failed. */
  readonly why: () => string | undefined;
  readonly arrived: () => boolean;
}

export interface SendOptions extends LinkOptions, StartOptions {
  /** Is told of everything when it happens. */
  readonly observe?: (observation: MigrationObservation, wire: Link) => void;
  /** The receiver's end of the link, as the receiver is to see it. */
  readonly end?: (end: ByteDuplex, wire: Link) => ByteDuplex;
}

/** Sends a guest; the receiver keeps it standing. */
export function send(from: Workload, to: Workload, options: SendOptions = {}): Passage {
  const wire = link(options);
  const seen: MigrationObservation[] = [];
  const observer = {
    observe(o: MigrationObservation) {
      seen.push(o);
      options.observe?.(o, wire);
    }
  };
  // One host has one clock: the sender's, which stands then.
  const incoming = waitForGuest(to.machine, false, () => from.machine.clocks.host.now());
  const loaded = incoming.start(() => Promise.resolve(options.end?.(wire.ends[1], wire) ?? wire.ends[1]));
  const { migration } = from.machine;
  migration.observers.add(observer);
  const sent = migration.start(() => Promise.resolve(wire.ends[0]), options);
  const over = sent.then(async () => {
    migration.observers.delete(observer);
    // A sender that gave up has broken the link.
    await loaded;
  });
  return {
    ...{ wire, over, seen },
    rounds: () => seen.filter((o) => o.kind === 'round'),
    why: () => incoming.info()['error-desc'],
    arrived: () => incoming.status === 'completed'
  };
}

/** Waits for a guest at a socket. Resolves when somebody may connect; `loaded` when a guest has come, or failed to. */
export async function waitAt(
  socket: string,
  incoming: IncomingMigration
): Promise<{ readonly uri: string; readonly loaded: Promise<LoadReport> }> {
  let listening: (uri: string) => void = () => {};
  const waits = new Promise<string>((resolve) => (listening = resolve));
  const loaded = incoming.start(() => listen(socket, () => {}, { listening }));
  return { uri: await waits, loaded };
}

/** Names of RAM blocks and sections in which two machines that stand differ. */
export function differences(one: Machine, other: Machine): string[] {
  const blocks = one.physmem.blocks
    .filter((block) => {
      const same = other.physmem.block(block.idstr);
      return !same || Buffer.compare(block.bytes(), same.bytes()) !== 0;
    })
    .map((block) => block.idstr);
  const sections = [...deviceSections(one)].filter(({ name }) => name !== undefined);
  const others = new Map([...deviceSections(other)].map((s) => [`${s.name}/${s.instance}`, s.bytes]));
  const devices = sections
    .filter(({ name, instance, bytes }) => {
      const same = others.get(`${name}/${instance}`);
      return !same || Buffer.compare(bytes, same) !== 0;
    })
    .map(({ name, instance }) => `${name}/${instance}`);
  return [...blocks, ...devices];
}
