/**
 * The oracle of the chips: native QEMU's own, asked the same. What is read and what is saved in the end must agree.
 * Runs where scripts/qemu/install.mjs has put QEMU.
 */
import { describe, expect, test } from 'vitest';
import { saveDevice } from '../../../../src/lib/emulator/hw/core/qdev.ts';
import { descriptions } from '../../../../src/lib/emulator/descriptions.ts';
import { readSnapshot } from '../../../../src/lib/vmstate/savevm.ts';
import { bytesSource } from '../../../../src/lib/vmstate/source.ts';
import { pcChips, type PcChips } from '../../../support/pc-chips.ts';
import { nativeQemus, qtest, takesQtest } from '../../../support/qtest.ts';
import { inb, outb, randomOf, type Random } from '../../../support/qtest-commands.ts';

const native = nativeQemus.find(takesQtest);
if (!native) console.warn('SKIPPED: no native QEMU with -accel qtest; install it with: node scripts/qemu/install.mjs');

const DATE = Date.UTC(2026, 1, 28, 23, 58, 40) / 1000;
const MACHINE = ['-machine', 'pc', '-m', '16', '-rtc', 'base=2026-02-28T23:58:40,clock=vm'];

/** More for a long campaign. */
const seeds = Array.from({ length: Number(process.env.MIGRASCOPE_SEEDS ?? 3) }, (_, i) => i + 1);

const hex = (n: number | bigint): string => `0x${n.toString(16)}`;

/** Does a qtest command with our devices. */
function execute(chips: PcChips, command: string): bigint | undefined {
  const [name = '', first = '0', second = '0'] = command.split(' ');
  const at = Number(first);
  const { memory } = chips.host;
  const size = { b: 1, w: 2, l: 4, q: 8 }[name.at(-1)!] ?? 0;
  switch (name) {
    case 'clock_step':
      chips.pass(BigInt(first));
      return chips.now();
    case 'readq':
      return memory.read64(at);
    case 'writeq':
      memory.write64(at, BigInt(second));
      return undefined;
  }
  if (name.startsWith('in')) return BigInt(chips.in(at, size));
  if (name.startsWith('out')) chips.out(at, Number(second), size);
  else if (name.startsWith('read')) return BigInt(memory.read(at, size));
  else memory.write(at, Number(second), size);
  return undefined;
}

const pick = <T>(random: Random, list: readonly T[]): T => list[random(list.length)]!;

const set = (index: number, value: number): string[] => [outb(0x70, index), outb(0x71, value)];

/** What lies in the registers must make sense in the form that the clock is put in. */
const BEFORE: Readonly<Record<string, readonly string[]>> = {
  'binary rtc': [...set(0x0b, 0x86), ...[0, 2, 4, 7, 8, 9, 0x32].flatMap((index) => set(index, 9)), ...set(0x0b, 6)],
  '12-hour rtc': [...set(0x0b, 0x80), ...set(4, 0x11), ...set(0x0b, 0)]
};

/**
 * @param mode of register B: 2 24 hours, 4 binary
 * @param most what minutes and seconds are set below
 * @param alarmHours what the alarm's hour is set below; 0 leaves it at any
 */
function rtcCommands(random: Random, mode: number, most: number, alarmHours: number): string[] {
  const bcd = (below: number): number => {
    const n = random(below);
    return (Math.floor(n / 10) << 4) | (n % 10);
  };
  const get = (index: number): string[] => [outb(0x70, index), inb(0x71)];
  const orAny = (below: number): number => (below === 0 || random(2) ? 0xff : bcd(below));
  switch (random(8)) {
    case 0:
      return set(0x0a, pick(random, [0x20, 0x20, 0x20, 0x60, 0x70, 0x10, 0]) | random(16));
    case 1:
      return set(0x0b, pick(random, [0, 0, 0x80]) | (random(8) << 4) | mode);
    case 2:
      return [...set(1, orAny(most)), ...set(3, orAny(most)), ...set(5, orAny(alarmHours))];
    case 3:
      return [...set(0, bcd(most)), ...set(2, bcd(most)), ...set(4, bcd(Math.min(most, 24)))];
    case 4:
      return [
        ...set(7, 1 + bcd(9)),
        ...set(8, 1 + bcd(9)),
        ...set(9, bcd(100)),
        ...set(0x32, pick(random, [0x19, 0x20]))
      ];
    case 5:
      return [...get(0x0c), ...get(0x0b)];
    default:
      return [0, 2, 4, 6, 7, 8, 9, 0x0a, 0x32, 0x37].flatMap(get);
  }
}

/** What each chip is asked at random. */
const CHIPS: Readonly<Record<string, (random: Random) => string[]>> = {
  i8259(random) {
    const chip = pick(random, [0x20, 0xa0]);
    switch (random(8)) {
      case 0:
        // Initialization, cascaded, as far as it gets.
        return [
          outb(chip, 0x10 | random(16)),
          ...[0x08, 0x04, random(32)].slice(0, random(4)).map((v) => outb(chip + 1, v))
        ];
      case 1:
        return [outb(chip + 1, random(256))];
      case 2:
        return [outb(chip, pick(random, [0x0a, 0x0b, 0x0c, 0x48, 0x68, 0x0e]))];
      case 3:
        return [outb(chip, (random(8) << 5) | random(8))];
      case 4:
        return [outb(pick(random, [0x4d0, 0x4d1]), random(256)), inb(0x4d0), inb(0x4d1)];
      default:
        return [inb(chip), inb(chip + 1)];
    }
  },
  i8254(random) {
    const port = 0x40 + random(3);
    switch (random(6)) {
      case 0: {
        const count = pick(random, [random(0x10000), random(20) + 1, 0, 1193, 0xffff]);
        const access = 1 + random(3);
        const bytes = access === 3 ? [count & 0xff, count >> 8] : [count & 0xff];
        return [
          outb(0x43, ((port - 0x40) << 6) | (access << 4) | (random(8) << 1) | random(2)),
          ...bytes.map((v) => outb(port, v))
        ];
      }
      case 1:
        return [outb(0x43, (port - 0x40) << 6), inb(port), inb(port)];
      case 2:
        return [outb(0x43, 0xc0 | random(64)), inb(port), inb(port), inb(port)];
      case 3:
        return [outb(0x61, random(4)), inb(0x61)];
      default:
        return [inb(port), inb(0x61)];
    }
  },
  rtc: (random) => rtcCommands(random, 2, 60, 24),
  // Numbers that are valid in both forms.
  'binary rtc': (random) => rtcCommands(random, 6, 18, 18),
  // QEMU mistakes the hour of the alarm in the afternoon.
  '12-hour rtc': (random) => rtcCommands(random, 0, 60, 0),
  hpet(random) {
    const base = 0xfed00000;
    const timer = base + 0x100 + 0x20 * random(3);
    switch (random(9)) {
      case 0:
        return [`writel ${hex(base + 0x10)} ${hex(random(4))}`];
      case 1:
        // Neither messages nor periodic timers: QEMU's fire twice when they are exactly on time.
        return [`writel ${hex(timer)} ${hex(random(0x10000) & ~0x4008)}`];
      case 2:
        return [`writel ${hex(timer + 8)} ${hex(random(2 ** 20))}`];
      case 3:
        return [`writeq ${hex(timer + 8)} ${hex(BigInt(random(2 ** 20)) << BigInt(random(20)))}`];
      case 4:
        return [`writel ${hex(base + 0x20)} ${hex(random(8))}`];
      case 5:
        return [`writel ${hex(base + 0x10)} 0x0`, `writeq ${hex(base + 0xf0)} ${hex(random(2 ** 31) * 4)}`];
      default:
        return [base, base + 0x10, base + 0x20, base + 0xf0, timer, timer + 8, timer + 16].flatMap((at) => [
          `readl ${hex(at)}`,
          `readl ${hex(at + 4)}`
        ]);
    }
  },
  ioapic(random) {
    const base = 0xfec00000;
    const select = (register: number): string => `writel ${hex(base)} ${hex(register)}`;
    const entry = 0x10 + 2 * pick(random, [0, 1, 2, 8, random(24)]);
    switch (random(4)) {
      case 0:
        return [select(entry), `writel ${hex(base + 0x10)} ${hex((random(2) << 16) | (random(2) << 15) | 0x30)}`];
      case 1:
        return [select(entry + 1), `writel ${hex(base + 0x10)} ${hex(random(256) * 2 ** 24)}`];
      case 2:
        return [`writel ${hex(base + 0x40)} 0x30`, select(pick(random, [0, 1, 2, 0x40])), `readl ${hex(base + 0x10)}`];
      default:
        return [select(entry), `readl ${hex(base + 0x10)}`, select(entry + 1), `readl ${hex(base + 0x10)}`];
    }
  }
};

function commandsOf(seed: number, chips: readonly string[], rounds: number): string[] {
  const random = randomOf(seed);
  const out = chips.flatMap((chip) => BEFORE[chip] ?? []);
  for (let i = 0; i < rounds; i++) {
    for (const command of CHIPS[pick(random, chips)]!(random)) {
      out.push(command);
      // A timer may be set for now or the past: without this it fires whenever QEMU's main loop comes round.
      if (/^(write|outb 0x71)/.test(command)) out.push('clock_step 1');
    }
    const step = pick(random, [1, 100, 838, 5000, 1_000_000, 54_925_400, 999_999_999]) + random(1000);
    if (random(2)) out.push(`clock_step ${step}`);
  }
  return out;
}

/** Sections that both have, as bytes. Memory that nobody wrote and padding are as in QEMU. */
async function compareStates(chips: PcChips, state: Uint8Array): Promise<string[]> {
  const snapshot = await readSnapshot(bytesSource(state), { descriptions });
  const differences: string[] = [];
  for (const { idstr, instance_id, device } of chips.devices.entries) {
    const section = snapshot.sections.find((s) => s.name === idstr && s.instance === instance_id);
    // What the machine's BIOS finds in CMOS memory is the machine's to put there.
    if (device === chips.rtc && section) {
      for (let i = 0x0e; i < 128; i++) if (i !== 0x32) chips.rtc.setCmos(i, state[section.bodyStart + i]!);
    }
    if (!section) {
      differences.push(`${idstr}/${instance_id} is not in QEMU's stream`);
      continue;
    }
    const theirs = Buffer.from(state.subarray(section.bodyStart, section.bodyEnd)).toString('hex');
    const ours = Buffer.from(saveDevice(device).finish()).toString('hex');
    if (ours !== theirs) differences.push(`${idstr}/${instance_id}\n ours ${ours}\nQEMU's ${theirs}`);
  }
  return differences;
}

describe.skipIf(!native)('the chips answer as native QEMU', () => {
  const alone = Object.keys(CHIPS).map((chip) => [chip]);
  const sets = [...alone, ['i8254', 'i8259'], ['ioapic', 'i8254', 'rtc'], ['i8259', 'i8254', 'rtc', 'hpet', 'ioapic']];
  test.each(sets.flatMap((chips) => seeds.map((seed) => ({ chips, seed, name: chips.join(', ') }))))(
    '$name, seed $seed',
    async ({ chips, seed }) => {
      const commands = commandsOf(seed, chips, 300);
      const { values, state } = await qtest(native!, MACHINE, commands);
      const ours = pcChips(BigInt(DATE));
      commands.forEach((command, i) => {
        const value = execute(ours, command);
        if (value !== values[i]) {
          throw new Error(
            `${command}: ours ${value}, QEMU's ${values[i]}, after\n${commands.slice(Math.max(0, i - 30), i).join('\n')}`
          );
        }
      });
      expect(await compareStates(ours, state)).toEqual([]);
    }
  );
});
