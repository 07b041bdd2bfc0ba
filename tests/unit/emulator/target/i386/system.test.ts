/**
 * One program through real, protected, virtual-8086, compatibility and 64-bit mode (tests/native/system.S), here and on
 * native QEMU: every fault's vector, error code, EIP, flags and stack, and what gates, tasks, IRET and SYSCALL leave.
 */
import { describe, expect, test } from 'vitest';
import { noAssembler } from '../../../../support/firmware.ts';
import {
  IMAGE_AT,
  installedQemus,
  outcomeOf,
  runNatively,
  systemImage,
  type Outcome
} from '../../../../support/native-system.ts';
import { TcgMachine } from '../../../../support/tcg-machine.ts';

if (noAssembler) console.warn(`SKIPPED: ${noAssembler}`);
else if (installedQemus.length === 0)
  console.warn('SKIPPED: no native QEMU; install it with: node scripts/qemu/install.mjs');

function runHere(image: Uint8Array): Outcome {
  const machine = new TcgMachine();
  machine.load(IMAGE_AT, ...image);
  machine.realMode(0xf000, 0xfff0n);
  let exit = 'budget';
  for (let i = 0; i < 100 && exit === 'budget'; i++) exit = machine.cpu.run(1000);
  expect([exit, machine.tripleFaults, machine.ports.at(-1)?.[0]]).toEqual(['halted', 0, 0xf4]);
  return outcomeOf((address, length) => machine.bytes(address, length));
}

type Fault = readonly number[];
const NP = 11;
const GP = 13;
const ABSENT = 0xa8;
/** Where QEMU is known to be wrong: as the manual has it, and as QEMU. */
const KNOWN: readonly (readonly [why: string, is: (native: Fault, ours: Fault) => boolean])[] = [
  [
    'the fault of a new task names the instruction that switched to it, instead of the first of the task',
    (native, ours) => native[0] === NP && native[1] === ABSENT && ours[1] === ABSENT
  ],
  [
    'before 8.0 error codes of IDT entries in long mode count 16 bytes a vector',
    (native, ours) => native[0] === GP && ours[0] === GP && native[1]! - 2 === (ours[1]! - 2) * 2
  ]
];

describe.skipIf(noAssembler !== undefined)('the program for all modes', () => {
  const image = noAssembler ? undefined : systemImage();
  const here = image && runHere(image.bytes);

  test('comes to its end', () => {
    expect(here!.records.length).toBeGreaterThan(180);
  });

  test.each(installedQemus.map((qemu) => [qemu.version, qemu] as const))(
    'sees what it sees on QEMU %s',
    { timeout: 60_000 },
    (_, qemu) => {
      const native = runNatively(qemu, image!.path);
      expect(here!.notes).toBe(native.notes);
      expect(here!.records.length).toBe(native.records.length);
      const differences = native.records.flatMap((record, i) => {
        const ours = here!.records[i]!;
        const equal = record.every((word, at) => word === ours[at]);
        return equal || KNOWN.some(([, is]) => is(record, ours)) ? [] : [[record, ours]];
      });
      expect(differences).toEqual([]);
    }
  );
});
