/**
 * Guests that do what they should not: the same as on native QEMU where a program can tell, and never an exception of
 * ours.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { qemus } from '../../../scripts/qemu/qemu.mjs';
import { CowOverlay } from '../../../src/lib/emulator/block/cow.ts';
import { RawImage } from '../../../src/lib/emulator/block/raw.ts';
import { DEBUGCON_CHARDEV } from '../../../src/lib/emulator/isa-options.ts';
import { bytesSource } from '../../../src/lib/vmstate/source.ts';
import { firmware, machineWith, noAssembler, portNoise, saidNatively } from '../../support/firmware.ts';

if (noAssembler) console.warn(`SKIPPED: ${noAssembler}`);

const NOTHING = ['-m', '16', '-nodefaults', '-vga', 'none', '-device', 'isa-debug-exit,iobase=0xf4'];
const MIB = 1 << 20;
/** Guests that make noise. */
const SEEDS = Number(process.env.MIGRASCOPE_SEEDS ?? 2);

describe.skipIf(noAssembler !== undefined)('a program that counts its resets, and goes where nothing is', () => {
  const path = noAssembler ? '' : firmware('faults');
  const said = noAssembler ? '' : runHere();

  function runHere(): string {
    const machine = machineWith(new Uint8Array(readFileSync(path)), [...NOTHING, '-debugcon', 'null']);
    let text = '';
    machine.chardevs.get(DEBUGCON_CHARDEV)!.onOutput = (bytes) => (text += Buffer.from(bytes).toString('latin1'));
    let status: number | undefined;
    const { onShutdown } = machine;
    machine.onShutdown = (with_) => {
      status = with_;
      onShutdown();
    };
    for (let i = 0; i < 40 && machine.runstate.state !== 'shutdown'; i++) machine.step(50_000);
    expect([machine.runstate.stopped, status]).toEqual([{ kind: 'shutdown' }, 0x43]);
    // Off is off, until it is reset.
    const { icount } = machine.cpu;
    expect(icount).toBeLessThan(40 * 50_000);
    machine.destroy();
    return text;
  }

  test('comes to its end', () => {
    expect(said).toMatch(/start 00000008[^]*end\n$/);
    expect(said).not.toContain('went on');
  });

  test.each(qemus().map((qemu) => [qemu.version, qemu] as const))(
    'says what it says on QEMU %s',
    { timeout: 60_000 },
    (_, qemu) => {
      const native = saidNatively(qemu, ['-M', 'pc', ...NOTHING, '-bios', path]);
      expect(native.status).toBe(0x43);
      expect(said).toBe(native.said);
    }
  );
});

const disk = (bytes: number) => new CowOverlay(new RawImage(bytesSource(new Uint8Array(bytes))));
const WITH_ALL = [
  ...['-m', '16', '-serial', 'null', '-parallel', 'null', '-vga', 'std', '-nic', 'none'],
  ...['-drive', 'file=hd,if=ide', '-drive', 'file=fd,if=floppy', '-drive', 'file=vd,if=virtio'],
  ...['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci', '-netdev', 'user,id=n'],
  ...['-device', 'e1000,netdev=n', '-debugcon', 'null', '-device', 'isa-debug-exit,iobase=0xf4']
];

describe.skipIf(noAssembler !== undefined)('port noise', () => {
  test.each(Array.from({ length: SEEDS }, (_, i) => i + 1))(
    'does no harm to the machine, seed %i',
    { timeout: 240_000 },
    (seed) => {
      const bios = portNoise([0], seed);
      const machine = machineWith(bios, WITH_ALL);
      for (const { plan, blk } of machine.drives) {
        const kind = 'kind' in plan ? plan.kind : 'hd';
        if (kind !== 'cd') blk.insert(disk(kind === 'floppy' ? 1_474_560 : 4 * MIB));
      }
      const { ports } = machine.board.pc;
      const own = ports.space.ranges.flatMap(({ region, start, end }) =>
        region === ports.root ? [] : Array.from({ length: end - start }, (_, i) => start + i)
      );
      machine.physmem.block('pc.bios')!.write(0, portNoise(own, seed));
      const met = { ports: new Set<number>(), accesses: 0, resets: 0, ends: 0 };
      const read = ports.in.bind(ports);
      ports.in = (port, size) => {
        met.ports.add(port);
        met.accesses++;
        return read(port, size);
      };
      const reset = (): void => {
        met.resets++;
        machine.reset();
      };
      machine.onReset = reset;
      machine.onShutdown = () => {
        met.ends++;
        reset();
      };
      for (let i = 0; i < 150; i++) {
        const before = met.accesses;
        machine.step(20_000);
        expect(machine.runstate.stopped?.kind).not.toBe('internal-error');
        // What hides the program, or lets the CPU sleep for ever, is as good as an end.
        if (met.accesses === before || machine.runstate.state !== 'paused') reset();
      }
      expect(met.resets).toBeGreaterThan(0);
      expect(met.accesses).toBeGreaterThan(20_000);
      expect(met.ports.size).toBeGreaterThan(8_000);
      machine.destroy();
    }
  );
});
