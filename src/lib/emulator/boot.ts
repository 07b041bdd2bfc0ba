/**
 * What a machine starts from when no state comes in: firmware, boot order, a kernel. To be called before the machine's
 * reset, from where the firmware takes over.
 * Source: QEMU hw/i386/pc.c pc_memory_init, hw/i386/x86-common.c x86_bios_rom_init, system/bootdevice.c.
 */
import type { HDGeometry } from './block/hd-geometry.ts';
import { bootDevicesOf, bootOrderFile, DEFAULT_BOOT, type BootConfig } from './boot-order.ts';
import type { Device } from './hw/core/qdev.ts';
import { pcCmosInit, setBootOrder, type DiskGeometry } from './hw/i386/cmos.ts';
import type { MachinePlan } from './machine-plan.ts';
import { Roms } from './hw/core/loader.ts';
import { KERNEL_ROMS, kernelKind, loadKernel, type LinuxImage } from './hw/i386/load-linux.ts';
import type { PCPiix } from './hw/i386/pc_piix.ts';
import type { ISAFdc } from './hw/block/fdc-controller.ts';
import { CMOS_TYPES } from './hw/block/fdc-drive.ts';
import { FW_CFG } from './hw/nvram/fw_cfg.ts';
import { DirectBoot } from './direct-boot.ts';
import type { X86Cpu } from './target/i386/x86-cpu.ts';

export interface BootFiles {
  /** A multiple of 64 KiB, as long as the machine's plan says. None: the kernel is started directly. */
  readonly bios: Uint8Array | undefined;
  /** QEMU's option ROMs by file name: those of which this says nothing are not there. */
  readonly roms: ReadonlyMap<string, Uint8Array>;
  /** Of the VGA: no longer than its region. */
  readonly vgaRom?: Uint8Array | undefined;
  readonly linux?: LinuxImage | undefined;
  /** As without -boot when absent. */
  readonly boot?: BootConfig;
  /** A screen is there: without, SeaBIOS talks on the serial port. */
  readonly graphics: boolean;
  /** -fw_cfg: files by name. */
  readonly fwCfgFiles?: ReadonlyMap<string, Uint8Array>;
}

/** What is wrong with a file that a machine is to boot from. */
export class BootError extends Error {}

/** Which option ROM firmware needs for a kernel. @throws KernelError */
export const romsFor = (linux: LinuxImage | undefined): readonly string[] =>
  linux ? [KERNEL_ROMS[kernelKind(linux.kernel)]] : [];

const TRANSLATION_NONE = 1;
const TRANSLATION_LBA = 2;

const le16 = (value: number): Uint8Array => Uint8Array.of(value & 0xff, (value >> 8) & 0xff);

/** Source: hw/block/hd-geometry.c hd_bios_chs_auto_trans. */
const geometryOf = (native: HDGeometry): DiskGeometry => ({
  ...native,
  translation:
    native.cylinders <= 1024 && native.heads <= 16 && native.sectors <= 63 ? TRANSLATION_NONE : TRANSLATION_LBA
});

/** -boot once: the first boot's order holds until the first reset behind the start's. Source: restore_boot_order. */
function restoreOrder(rtc: PCPiix['basic']['rtc'], order: string): Device {
  let resets = 0;
  return {
    idstr: 'boot-once',
    reset: () => {
      if (++resets === 2) setBootOrder(rtc, order);
    }
  };
}

/** What a machine has of what is needed here. */
export interface Bootable {
  readonly board: PCPiix;
  readonly cpu: X86Cpu;
  readonly plan: Pick<MachinePlan, 'virtioBlk' | 'ide'>;
}

const floppyType = (fdc: ISAFdc | undefined, n: number): number => CMOS_TYPES[fdc?.drives[n]?.type ?? 'none'];

/** @throws BootError, KernelError */
export function prepareBoot({ board, cpu, plan }: Bootable, files: BootFiles): void {
  const { pc, basic, ide, vga } = board;
  const { bios } = pc.map;
  const { fwCfg, options } = pc;
  if (files.bios && files.bios.length !== bios.used_length)
    throw new BootError(`the firmware has ${files.bios.length} bytes, not ${bios.used_length}`);
  if (files.bios) bios.write(0, files.bios);
  if (vga?.rom && files.vgaRom) {
    if (files.vgaRom.length > vga.rom.used_length)
      throw new BootError(`the VGA's ROM has ${files.vgaRom.length} bytes, more than ${vga.rom.used_length}`);
    vga.rom.write(0, files.vgaRom);
  }

  const below4g = Math.min(options.memory, options.lowmem);
  const { boot = DEFAULT_BOOT } = files;
  pcCmosInit(basic.rtc, {
    ...{ below4g, above4g: options.memory - below4g, order: boot.once ?? boot.order },
    floppies: [floppyType(basic.fdc, 0), floppyType(basic.fdc, 1)],
    disks: ide.bus.flatMap(({ ifs }) =>
      ifs.map((drive) => (drive.kind === 'hd' ? geometryOf(drive.native) : undefined))
    )
  });
  fwCfg.addI16(FW_CFG.NOGRAPHIC, files.graphics ? 0 : 1);
  if (boot.once !== undefined) pc.devices.add(restoreOrder(basic.rtc, boot.order));
  fwCfg.addI16(FW_CFG.BOOT_MENU, boot.menu ? 1 : 0);
  if (boot.splashTime !== undefined) fwCfg.addFile('etc/boot-menu-wait', le16(boot.splashTime));
  fwCfg.addFile('etc/boot-fail-wait', new Uint8Array(Int32Array.of(boot.rebootTimeout).buffer));
  fwCfg.addFile('bios-geometry', new Uint8Array());
  for (const [name, bytes] of files.fwCfgFiles ?? []) fwCfg.addFile(name, bytes);

  if (!files.bios) {
    if (!files.linux) throw new BootError('without firmware there must be a kernel');
    pc.devices.add(new DirectBoot(board, cpu, files.linux));
    return;
  }
  if (files.linux) pc.devices.add(new Roms(pc.memory, loadKernel(fwCfg, files.linux, below4g)));
  const devices = bootDevicesOf(plan);
  for (const name of romsFor(files.linux)) {
    const rom = files.roms.get(name);
    if (!rom) throw new BootError(`the option ROM ${name} is missing`);
    fwCfg.addFile(`genroms/${name}`, rom);
    // A kernel that is given goes before all that the machine has.
    devices.push({ bootindex: 0, path: `/rom@genroms/${name}` });
  }
  fwCfg.addFile('bootorder', bootOrderFile(devices, boot.strict));
}
