/** What a Linux kernel finds that is started without firmware. */
import { describe, expect, test } from 'vitest';
import { prepareBoot } from '../../../src/lib/emulator/boot.ts';
import { KernelError, SETUP } from '../../../src/lib/emulator/hw/i386/load-linux.ts';
import type { Machine } from '../../../src/lib/emulator/machine.ts';
import { CR0, CR4, EFER } from '../../../src/lib/emulator/target/i386/control-registers.ts';
import { HF, R_ESI } from '../../../src/lib/emulator/target/i386/env.ts';
import { machineOf } from '../../support/machine.ts';

const XLF_KERNEL_64 = 1;
const MIB = 2 ** 20;

/** One that halts at once. */
function bzImage({ protocol = 0x20f, xloadflags = 0, loadflags = 1 } = {}): Uint8Array {
  const kernel = new Uint8Array(2 * 512 + 4096).fill(0xf4, 2 * 512);
  const view = new DataView(kernel.buffer);
  kernel[SETUP.sects] = 1;
  kernel[0x201] = 0x6a;
  view.setUint32(SETUP.magic, 0x5372_6448, true);
  view.setUint16(SETUP.version, protocol, true);
  view.setUint32(SETUP.initrdAddrMax, 0x7fff_ffff, true);
  view.setUint16(SETUP.xloadflags, xloadflags, true);
  kernel[SETUP.loadflags] = loadflags;
  return kernel;
}

interface Given {
  readonly kernel: Uint8Array;
  readonly initrd?: Uint8Array;
  readonly append?: string;
}
/** As it stands at its first instruction. */
function started({ append = 'quiet', ...image }: Given, during: (machine: Machine) => void): void {
  const { machine } = machineOf(['-m', '64', '-nographic', '-nic', 'none']);
  try {
    prepareBoot(machine, { bios: undefined, roms: new Map(), graphics: false, linux: { ...image, append } });
    machine.reset();
    during(machine);
  } finally {
    machine.destroy();
  }
}
const number = ({ memory }: Machine, at: number): number => memory.read(at, 4);
const text = ({ memory }: Machine, at: number, length: number): string => {
  const bytes = new Uint8Array(length);
  memory.readBytes(at, bytes);
  return Buffer.from(bytes).toString('latin1');
};
const ZERO_PAGE = 0x7000;
const at = (field: number): number => ZERO_PAGE + field;

describe('a bzImage', () => {
  test('with a 64-bit entry starts there in 64-bit mode, memory mapped to itself', () => {
    started({ kernel: bzImage({ xloadflags: XLF_KERNEL_64 }) }, (machine) => {
      const { env, mmu } = machine.cpu;
      expect([env.get64('eip'), env.get64('regs', R_ESI)]).toEqual([0x10_0200n, BigInt(ZERO_PAGE)]);
      expect(env.get('hflags') & (HF.LMA | HF.CS64 | HF.CPL)).toBe(HF.LMA | HF.CS64);
      expect([env.get('cr'), env.get('cr', 4 * 2), env.get('efer')]).toEqual([
        ...[(CR0.PG | CR0.PE | CR0.ET) >>> 0, CR4.PAE, EFER.LME | EFER.LMA]
      ]);
      expect(mmu.load8(0x10_0200n)).toBe(0xf4);
      expect(mmu.load32(0x38_0000n)).toBe(number(machine, 0x38_0000));
      expect(mmu.load32(0xfee0_0030n) & 0xff).toBe(0x14); // the local APIC, in the fourth GiB
      machine.step(1);
      expect(env.get('halted')).toBe(1);
    });
  });

  test('without one starts at its beginning in 32-bit mode', () => {
    started({ kernel: bzImage() }, ({ cpu: { env } }) => {
      expect([env.get64('eip'), env.get64('regs', R_ESI)]).toEqual([0x10_0000n, BigInt(ZERO_PAGE)]);
      expect(env.get('hflags') & (HF.PE | HF.CS32 | HF.LMA)).toBe(HF.PE | HF.CS32);
      expect([env.get('cr'), env.get('eflags')]).toEqual([CR0.PE | CR0.ET, 2]);
    });
  });

  test('is told its command line, its initrd, memory and tables', () => {
    const initrd = new Uint8Array(5000).fill(0x77);
    started({ kernel: bzImage(), initrd, append: 'console=ttyS0' }, (machine) => {
      expect(text(machine, number(machine, at(SETUP.cmdLinePtr)), 14)).toBe('console=ttyS0\0');
      const ramdisk = number(machine, at(SETUP.ramdiskImage));
      expect([ramdisk % 4096, number(machine, at(SETUP.ramdiskSize))]).toEqual([0, 5000]);
      expect([machine.memory.read(ramdisk + 4999, 1), machine.memory.read(ramdisk + 5000, 1)]).toEqual([0x77, 0]);
      const rsdp = number(machine, at(0x70));
      expect(text(machine, rsdp, 8)).toBe('RSD PTR ');
      const rsdt = number(machine, rsdp + 16);
      expect(text(machine, rsdt, 4)).toBe('RSDT');
      expect(text(machine, number(machine, rsdt + 36), 4)).toBe('FACP');
      expect(text(machine, 0xf_1000, 4)).toBe('_SM_');
      expect(number(machine, at(0x2d0 + 3 * 20))).toBe(MIB);
    });
  });

  test.each([
    ['one without the protocol', bzImage({ protocol: 0x201 }), /too old/],
    ['one that is loaded low', bzImage({ loadflags: 0 }), /too old/]
  ])('%s is refused', (_, kernel, why) => {
    expect(() => started({ kernel }, () => undefined)).toThrow(KernelError);
    expect(() => started({ kernel }, () => undefined)).toThrow(why);
  });

  test('a command line or an initrd that finds no room is refused', () => {
    const kernel = bzImage();
    expect(() => started({ kernel, append: 'x'.repeat(MIB) }, () => undefined)).toThrow(/too long/);
    expect(() => started({ kernel, initrd: new Uint8Array(64 * MIB) }, () => undefined)).toThrow(/initrd is too large/);
  });
});

test('devices have places and interrupts, as firmware gives them', () => {
  started({ kernel: bzImage() }, ({ board: { bus, pc, pm } }) => {
    const devices = bus.devices.filter((device) => device !== undefined);
    const places = devices.flatMap((device) =>
      device.regions.slice(0, 6).flatMap((region, n) => (region ? [{ ...region, addr: device.barAddress(n) }] : []))
    );
    expect(places.length).toBeGreaterThan(2);
    expect(places.every(({ addr, size }) => addr !== undefined && addr % size === 0)).toBe(true);
    const memory = places.filter(({ type }) => !(type & 1)).toSorted((a, b) => a.addr! - b.addr!);
    expect(memory.every((place, i) => place.addr! + place.size <= (memory[i + 1]?.addr ?? 0xfec0_0000))).toBe(true);
    expect(pm!.pmBase).toBe(0x600);
    expect(pc.ports.read(0x4d1, 1)).toBe(0x0c);
    expect(bus.find(0, 8)!.config.subarray(0x60, 0x64)).toEqual(Uint8Array.of(10, 10, 11, 11));
  });
});
