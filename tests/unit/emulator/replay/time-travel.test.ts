/** A whole guest at its shell, forward and back: native QEMU made the state, disks and typing included. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, afterAll, describe, expect, test } from 'vitest';
import { walkAddress } from '../../../../src/lib/emulator/debug/guest-memory.ts';
import { pcOf } from '../../../../src/lib/emulator/cpu-view.ts';
import { TimeTravelError } from '../../../../src/lib/emulator/replay/time-travel-error.ts';
import { Symbols } from '../../../../src/lib/emulator/symbols.ts';
import { goldens } from '../../../support/golden.ts';
import { resumed, type Resumed } from '../../../support/resumed.ts';
import { stateHash } from '../../../support/state-hash.ts';

const golden = goldens().findLast(({ name }) => /\/linux-seed$/.test(name));
if (!golden) console.warn('SKIPPED: no streams of native QEMU; make them with: npm run golden');

const PROMPT = /\n# (\u001b\[6n)?$/;
const SECONDS = 1000;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe.skipIf(!golden)('a guest that is run by instructions (-icount)', () => {
  test('comes to the same state twice', { timeout: 120 * SECONDS }, async () => {
    const END = 4_000_000;
    const options = { icountShift: 3, hostTime: 1_700_000_000_000_000_000n };
    const stepped = async (): Promise<string> => {
      const { machine } = await resumed(golden!, { ...options, timeTravel: {} });
      machine.serialInput(0, bytes('ls -la / | md5sum\n'));
      while (machine.cpu.icount < END) {
        machine.step(Math.min(777_777, END - Number(machine.cpu.icount)));
        await machine.completions.drain();
      }
      const hash = stateHash(machine);
      machine.destroy();
      return hash;
    };
    const first = await stepped();
    expect(await stepped()).toBe(first);
  });
});

describe.skipIf(!golden)('a guest that runs by the clock', () => {
  let guest: Resumed;
  const past = () => guest.machine.timeTravel;
  const hash = (): string => stateHash(guest.machine);
  /** Count of instructions, state. */
  const moments: { icount: number; hash: string }[] = [];
  const note = (): void => void moments.push({ icount: past().icount, hash: hash() });

  beforeAll(async () => {
    guest = await resumed(golden!, { timeTravel: { interval: 700_000 } });
  }, 60 * SECONDS);
  afterAll(() => guest.machine.destroy());

  test('has no past before it ran', async () => {
    await expect(past().stepBack()).rejects.toThrow(TimeTravelError);
    expect(past().range).toBeUndefined();
  });

  test('comes to the same state when it runs again', { timeout: 120 * SECONDS }, async () => {
    guest.machine.start();
    expect(await guest.shell('echo $((6 * 7)) > /tmp/after; cat /tmp/after', PROMPT)).toMatch(/^42\n/);
    // The disk is read here: nothing of busybox's other applets is in its cache yet.
    expect(await guest.shell('ls -la / | md5sum | cut -c33-', PROMPT)).toMatch(/^ {2}-\n/);
    await expect(past().stepBack()).rejects.toThrow('pause it first');
    await guest.machine.stop();
    note();
    expect(past().checkpoints.length).toBeGreaterThan(2);

    expect(await past().seek(0)).toBe('there');
    expect([past().icount, past().inPast]).toEqual([0, true]);
    expect(hash()).not.toBe(moments[0]!.hash);
    expect(await past().playOn()).toBe('end');
    expect([past().icount, past().inPast]).toEqual([moments[0]!.icount, false]);
    expect(hash()).toBe(moments[0]!.hash);
  });

  test('steps back to each moment at which it stood', { timeout: 120 * SECONDS }, async () => {
    for (const instructions of [1, 1000, 1_000_000]) {
      for (let left = instructions; left > 0;) {
        const before = past().icount;
        guest.machine.step(left);
        await guest.machine.completions.drain();
        left -= past().icount - before;
      }
      note();
    }
    const [ran, one, thousand, million] = moments.map((m) => m.hash);
    expect(new Set(moments.map((m) => m.hash)).size).toBe(4);
    await past().stepBack(1_000_000);
    expect(hash()).toBe(thousand);
    await past().stepBack(1000);
    expect(hash()).toBe(one);
    await past().stepBack();
    expect(hash()).toBe(ran);
    await past().step(1001);
    expect(hash()).toBe(thousand);
    expect(await past().playOn()).toBe('end');
    expect(hash()).toBe(million);
    await expect(past().seek(past().icount + 1)).rejects.toThrow('to go to');
  });

  test('goes back to the last write of an address, and says who wrote', { timeout: 120 * SECONDS }, async () => {
    const { machine } = guest;
    const symbols = Symbols.parse(readFileSync(join(golden!.folder, 'System.map'), 'utf8'));
    symbols.relocate(machine.cpu.env.get64('lstar'));
    const jiffies = symbols.addressOf('jiffies_64') ?? symbols.addressOf('jiffies')!;
    const gpa = BigInt(walkAddress(machine, jiffies).gpa!);
    const end = past().icount;
    // Forward, with the CPU watched.
    const writes: { eip: bigint; count: number }[] = [];
    await past().seek(0);
    machine.cpu.watchpoints = [
      {
        ...{ space: 'physical', address: gpa, bytes: 8n, read: false, write: true },
        hit: ({ eip }) => writes.push({ eip, count: past().icount })
      }
    ];
    await past().playOn();
    machine.cpu.watchpoints = [];
    expect(past().icount).toBe(end);
    expect(writes.length).toBeGreaterThan(2);

    for (const { eip } of writes.slice(-2).toReversed()) {
      expect(await past().runBackToWrite(gpa, 8)).toEqual({ device: false });
      expect(pcOf(machine.cpu)).toBe(eip);
    }
    const before = Buffer.from(readPhysical(machine, gpa)).readBigUInt64LE();
    await past().step(1);
    expect(Buffer.from(readPhysical(machine, gpa)).readBigUInt64LE()).toBeGreaterThan(before);
    await past().playOn();
    expect(hash()).toBe(moments.at(-1)!.hash);
  });

  test('goes back to the last hit of a breakpoint', { timeout: 120 * SECONDS }, async () => {
    const { machine } = guest;
    const address = machine.cpu.env.get64('lstar');
    const hits: number[] = [];
    let met = false;
    await past().seek(0);
    machine.cpu.breakpoints = new Map([[address, () => (met = true)]]);
    machine.onDebug = () => {
      hits.push(past().icount);
      return false;
    };
    await past().playOn();
    expect(hits.length).toBeGreaterThan(10);
    const hit = (): boolean => {
      const was = met;
      met = false;
      return was;
    };
    met = false;
    for (const icount of hits.slice(-3).toReversed()) {
      expect(await past().reverseContinue(hit)).toBe(true);
      expect([past().icount, pcOf(machine.cpu)]).toEqual([icount, address]);
    }
    machine.cpu.breakpoints = new Map();
    expect(await past().reverseContinue(hit)).toBe(false);
    expect(past().icount).toBe(0);
    machine.onDebug = () => true;
  });

  test('goes on from its past, and what came after is forgotten', { timeout: 120 * SECONDS }, async () => {
    await past().seek(moments[0]!.icount);
    expect(hash()).toBe(moments[0]!.hash);
    past().forgetFuture();
    expect([past().inPast, past().range!.last]).toEqual([false, moments[0]!.icount]);
    guest.machine.start();
    expect(await guest.shell('cat /tmp/after', PROMPT)).toMatch(/^42\n/);
    await guest.machine.stop();
    const end = hash();
    await past().seek(moments[0]!.icount);
    expect(hash()).toBe(moments[0]!.hash);
    await past().playOn();
    expect(hash()).toBe(end);
  });
});

function readPhysical({ memory }: Resumed['machine'], gpa: bigint): Uint8Array {
  const into = new Uint8Array(8);
  memory.readBytes(Number(gpa), into);
  return into;
}
