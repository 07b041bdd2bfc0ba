/** A process of its own for the bench: loads one stream into a machine and saves it, in ms. */
import { openSync, statSync } from 'node:fs';
import { fileSource } from '../../src/bridge/file-source.ts';
import { descriptions } from '../../src/lib/emulator/descriptions.ts';
import { HostMemory } from '../../src/lib/emulator/host/memory.ts';
import { HostPace } from '../../src/lib/emulator/host/pace.ts';
import { Machine } from '../../src/lib/emulator/machine.ts';
import { planOf } from '../../src/lib/emulator/machine-plan.ts';
import { loadVmState } from '../../src/lib/emulator/migration/incoming.ts';
import { saveVmState } from '../../src/lib/emulator/migration/outgoing.ts';
import { readSnapshot } from '../../src/lib/vmstate/savevm.ts';

const state = process.argv[2]!;
const start = performance.now();
const snapshot = await readSnapshot(fileSource(openSync(state, 'r')), { descriptions });
const { plan } = planOf(snapshot);
if (!plan) throw new Error('no machine can be made of this stream');
const machine = new Machine(plan, { host: new HostMemory(), pace: new HostPace(), hostTime: 0n });
await loadVmState(machine, snapshot);
const loaded = performance.now();
let bytes = 0;
for (const chunk of saveVmState(machine)) bytes += chunk.length;
const saved = performance.now();
machine.destroy();
if (bytes === 0) throw new Error('nothing was saved');
console.log(JSON.stringify({ bytes: statSync(state).size, load: loaded - start, save: saved - loaded }));
