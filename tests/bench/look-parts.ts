/** A process of its own for the bench: what each panel's part of a look costs after a step. Arguments: files to load. */
import { readFileSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import type { LookRequest } from '../../src/lib/emulator/machine-api.ts';
import { createMachineHost } from '../../src/lib/emulator/machine-host.ts';

const STEPS = 300;
const WARM = 30;
const PARTS: Readonly<Record<string, LookRequest>> = {
  registers: {},
  disassembly: { code: { before: 48, after: 512 } },
  stack: { stack: 64 },
  calls: { calls: true },
  'a device (cpu)': { devices: ['cpu/0'] },
  'CPU tables': { sheets: ['tables'] },
  interrupts: { sheets: ['interrupts'] },
  board: { sheets: ['board'] },
  virtqueues: { sheets: ['virtqueues'] },
  'live RAM': { ram: true }
};

const host = createMachineHost();
const files = process.argv.slice(2).map((path) => new File([readFileSync(path)], path));
const { id } = await host.create({ state: files });
let looks = 0;
/** CPU time in ms, and bytes sent, of a look after each of some steps. */
async function cost(wanted: LookRequest): Promise<{ readonly ms: number; readonly bytes: number }> {
  let [ms, bytes] = [0, 0];
  for (let n = -WARM; n < STEPS; n++) {
    await host.step(id);
    const start = process.cpuUsage();
    const sent = serialize(await host.lookNews(id, wanted, ++looks, looks - 1));
    deserialize(sent);
    const { user, system } = process.cpuUsage(start);
    if (n < 0) continue;
    ms += (user + system) / 1000 / STEPS;
    bytes += sent.length / STEPS;
  }
  return { ms, bytes };
}
const costs: [string, object][] = [];
for (const [name, wanted] of Object.entries(PARTS)) costs.push([name, await cost(wanted)]);
console.log(JSON.stringify(costs));
// The machine's memory need not be given back by hand.
process.exit(0);
