/**
 * A process of its own for the bench: what it costs a guest that writes as fast as it can that the pages it writes are
 * collected so often. In processor time, so that who else runs here does not matter. Prints a share of 1 as JSON.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { HostMemory } from '../../src/lib/emulator/host/memory.ts';
import { HostPace, hostTime } from '../../src/lib/emulator/host/pace.ts';
import { prepareBoot } from '../../src/lib/emulator/boot.ts';
import { Machine } from '../../src/lib/emulator/machine.ts';
import { planOfOptions } from '../../src/lib/emulator/machine-options.ts';
import { DIRTY_MIGRATION, RAM_MIGRATABLE } from '../../src/lib/emulator/system/physmem.ts';
import { parseOptions } from '../../src/lib/emulator/system/vl.ts';

const ROUNDS = 12;
/** ms of a measurement. */
const MEASURED = 500;

const [image, command, every] = process.argv.slice(2) as [string, string, string];
const bios = new Uint8Array(readFileSync(image));
const { plan } = planOfOptions(parseOptions(['-m', '512M', '-vga', 'none', '-nic', 'none', '-nographic']));
const machine = new Machine(
  { ...plan, biosSize: bios.length },
  { host: new HostMemory(), pace: new HostPace(), hostTime: hostTime() }
);
prepareBoot(machine, { bios, roms: new Map(), graphics: false });
machine.reset();
machine.timeTravel.enabled = false;
let heard = '';
machine.serials[0]!.onOutput = (bytes) => (heard += Buffer.from(bytes).toString('latin1'));
machine.start();
while (!heard.endsWith('workload> ')) await sleep(20);
machine.serialInput(0, new TextEncoder().encode(`${command}\r`));
await sleep(1000);

const blocks = machine.physmem.blocks
  .filter(({ flags }) => flags & RAM_MIGRATABLE)
  .map((block) => ({ block, bitmap: new Uint8Array(Math.ceil(block.used_length / 4096)) }));

/** Instructions per microsecond of processor time. */
async function speed(tracked: boolean): Promise<number> {
  const [icount, cpu, start] = [machine.cpu.icount, process.cpuUsage(), performance.now()];
  while (performance.now() - start < MEASURED) {
    for (const { block, bitmap } of tracked ? blocks : []) {
      bitmap.fill(0);
      machine.physmem.syncDirty(block, bitmap, DIRTY_MIGRATION);
    }
    await sleep(Number(every));
  }
  const { user, system } = process.cpuUsage(cpu);
  return Number(machine.cpu.icount - icount) / (user + system);
}

const costs: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const [free, tracked] = [await speed(false), await speed(true)];
  costs.push(1 - tracked / free);
}
console.log(JSON.stringify({ cost: costs.toSorted((a, b) => a - b)[ROUNDS >> 1] }));
await machine.stop();
process.exit(0);
