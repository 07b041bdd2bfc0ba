/**
 * Commands of the human monitor for a machine's past. Source: QEMU replay/replay-debugging.c, hmp-commands.hx; what QEMU
 * leaves to gdb (reverse-stepi, reverse-continue to a watchpoint) has a command too.
 */
import { Reversing } from '../debug/reversing.ts';
import type { Machine } from '../machine.ts';
import { parseExpression, registersOf } from './expression.ts';
import type { HmpCommand } from './hmp.ts';
import { MonitorError } from './monitor-error.ts';

const MIB = 1 << 20;
const WITHOUT_FILE = '(memory)';

const infoReplay = ({ timeTravel }: Machine): string => {
  const { range, inPast, icount, checkpoints, bytes, limit, filename = WITHOUT_FILE } = timeTravel;
  if (!range) return 'Record/replay is not active';
  const memory = `${(bytes / MIB).toFixed(1)} of ${limit / MIB} MiB`;
  return (
    `${inPast ? 'Replaying' : 'Recording'} execution '${filename}': instruction count = ${icount}\n` +
    `instructions ${range.first} to ${range.last}, ${checkpoints.length} checkpoints, ${memory}`
  );
};

/** @param args a count of instructions @param otherwise where none is given */
function countIn(name: string, args: string, otherwise?: number): number {
  if (args === '' && otherwise !== undefined) return otherwise;
  const value = /^\d+$/.test(args) ? Number(args) : NaN;
  if (!Number.isSafeInteger(value)) throw new MonitorError(`${name}: a count of instructions is expected`);
  return value;
}

function standing(machine: Machine): Reversing {
  if (machine.runstate.running) throw new MonitorError('Error: the machine runs: stop it first');
  return new Reversing(machine);
}

export const REPLAY_INFO: readonly HmpCommand[] = [
  {
    ...{ name: 'replay', params: '', help: 'what is recorded, and where in it the machine is' },
    run: ({ machine }) => infoReplay(machine)
  }
];

export const REPLAY_COMMANDS: readonly HmpCommand[] = [
  {
    ...{ name: 'replay_break', params: 'icount', help: 'stops a replay at an instruction count' },
    run: ({ machine: { timeTravel } }, args) => {
      const icount = countIn('replay_break', args);
      if (!timeTravel.inPast) throw new MonitorError('Error: setting the breakpoint is allowed only in play mode');
      if (icount < timeTravel.icount)
        throw new MonitorError('Error: cannot set breakpoint at the instruction in the past');
      timeTravel.breakAt = icount;
      return '';
    }
  },
  {
    ...{ name: 'replay_delete_break', params: '', help: 'removes what replay_break set' },
    run: ({ machine: { timeTravel } }) => {
      if (!timeTravel.inPast) throw new MonitorError('Error: replay breakpoints are allowed only in play mode');
      timeTravel.breakAt = Infinity;
      return '';
    }
  },
  {
    ...{ name: 'replay_seek', params: 'icount', help: 'goes to an instruction count of the past' },
    run: async ({ machine }, args) => {
      await standing(machine).to(countIn('replay_seek', args));
      return '';
    }
  },
  {
    ...{ name: 'reverse_step', params: '[count]', help: 'goes back by so many instructions' },
    run: async ({ machine }, args) => {
      await standing(machine).stepBack(countIn('reverse_step', args, 1));
      return '';
    }
  },
  {
    ...{ name: 'reverse_write', params: '[-p] addr [bytes]', help: 'goes back to the last write of an address' },
    run: async ({ machine }, args) => {
      const [, physical, address = '', bytes = '8'] = /^(-p\s+)?(\S+)(?:\s+(\d+))?$/.exec(args) ?? [];
      if (address === '') throw new MonitorError('reverse_write: an address is missing');
      const at = parseExpression(address, registersOf(machine.cpu));
      const write = await standing(machine).toWrite(physical ? 'physical' : 'virtual', at, Number(bytes));
      if (!write) return 'nothing wrote there in the past that is known';
      return write.device ? 'a device wrote, before the next instruction' : '';
    }
  },
  {
    ...{ name: 'replay_forget', params: '', help: 'goes on from here: forgets what came after' },
    run: ({ machine: { timeTravel } }) => {
      timeTravel.forgetFuture();
      return '';
    }
  }
];
