/** All that is shown of a machine, gathered at once. */
import { withCr3 } from '../../vmstate/page-walk.ts';
import { cpuView } from '../cpu-view.ts';
import type { HostedMachine } from '../hosted-machine.ts';
import type { CpuView, Look, LookRequest, Sheet, SheetName, StackSlot } from '../machine-api.ts';
import type { Machine } from '../machine.ts';
import type { Symbols } from '../symbols.ts';
import { boardSheets } from './board.ts';
import { callChain } from './call-chain.ts';
import { codeNames } from './code-names.ts';
import { cpuTables } from './cpu-tables.ts';
import { deviceFields, deviceLabels } from './device-fields.ts';
import { pagingNow, readMemory, walkAddress } from './guest-memory.ts';
import { interruptState } from './interrupt-state.ts';
import { virtqueues } from './virtqueues.ts';

const MOST_SLOTS = 4096;

const SHEETS: Readonly<Record<SheetName, (machine: Machine, symbols: Symbols | undefined) => readonly Sheet[]>> = {
  tables: cpuTables,
  interrupts: interruptState,
  board: boardSheets,
  virtqueues
};

export function lookAt(hosted: HostedMachine, wanted: LookRequest): Look {
  const { machine, symbols, status } = hosted;
  const cpu = cpuView(machine.cpu);
  const labels = deviceLabels(machine);
  const { code, stack, calls, devices, sheets, walk } = wanted;
  return {
    ...{ status, cpu, breakpoints: hosted.breakpoints.list },
    ...(code && { code: codeAround(hosted, symbols, cpu, code) }),
    ...(stack !== undefined && { stack: stackSlots(machine, symbols, cpu, stack) }),
    ...(calls && { calls: callChain(machine, symbols) }),
    ...(devices && {
      devices: new Map(devices.filter((d) => labels.includes(d)).map((d) => [d, deviceFields(machine, d)]))
    }),
    ...(sheets && { sheets: new Map(sheets.map((name) => [name, SHEETS[name](machine, symbols)])) }),
    ...(wanted.ram && { ram: hosted.ram.look() }),
    ...(walk && {
      walk: walkAddress(
        machine,
        walk.gva,
        walk.cr3 === undefined ? undefined : withCr3(pagingNow(machine.cpu), walk.cr3)
      )
    })
  };
}

/** From `before` bytes before the address on, or from the address on where nothing is mapped before. */
function codeAround(
  hosted: HostedMachine,
  symbols: Symbols | undefined,
  { pc, codeSize }: CpuView,
  { at: wanted, before, after }: NonNullable<LookRequest['code']>
): NonNullable<Look['code']> {
  const { machine, codeAt } = hosted;
  const stays = codeAt !== undefined && pc >= codeAt - BigInt(before) && pc < codeAt + BigInt(after >> 1);
  const at = wanted ?? (stays ? codeAt : pc);
  if (wanted === undefined) hosted.codeAt = at;
  const ahead = at < BigInt(before) ? at : BigInt(before);
  let start = at - ahead;
  let bytes = readMemory(machine, 'virtual', start, Number(ahead) + after);
  if (bytes.length <= Number(ahead)) {
    start = at;
    bytes = readMemory(machine, 'virtual', at, after);
  }
  return { at, start, bytes, names: symbols ? codeNames(symbols, start, bytes, codeSize) : new Map() };
}

function stackSlots(
  machine: Machine,
  symbols: Symbols | undefined,
  { stack, stackWidth }: CpuView,
  slots: number
): readonly StackSlot[] {
  const bytes = readMemory(machine, 'virtual', stack, Math.min(slots, MOST_SLOTS) * stackWidth);
  return Array.from({ length: Math.floor(bytes.length / stackWidth) }, (_, n) => {
    let value = 0n;
    for (let i = stackWidth - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[n * stackWidth + i]!);
    return { address: stack + BigInt(n * stackWidth), value, name: symbols?.nameOf(value) };
  });
}
