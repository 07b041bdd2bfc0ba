/** What a command line has a machine boot from: firmware, kernel, their options. */
import { romsFor, type BootFiles } from '../lib/emulator/boot.ts';
import { kernelKind, type LinuxImage } from '../lib/emulator/hw/i386/load-linux.ts';
import type { MultibootModule } from '../lib/emulator/hw/i386/multiboot.ts';
import { OptionError, type MachineOptions } from '../lib/emulator/system/vl.ts';
import { isOn } from '../lib/vmstate/command-line.ts';
import { findFirmware, needFirmware, readNamed } from './firmware.ts';

const DEFAULT_BIOS = 'bios-256k.bin';
/** The name of no firmware at all: the kernel is started directly. */
const NO_BIOS = 'none';
const BOOT_ORDER = 'cad';

/** What the options have a machine boot from. Nothing where a state comes in and no firmware is installed. */
export function bootFilesOf(options: MachineOptions, incoming: boolean): BootFiles | undefined {
  const { boot, firmwarePaths, uuid } = options;
  for (const name of boot.keys()) {
    if (!['order', 'menu', 'splash-time', 'strict'].includes(name))
      throw new OptionError(`-boot ${name}: not supported; order, menu, splash-time and strict are`);
  }
  const linux = linuxOf(options);
  const name = options.bios ?? DEFAULT_BIOS;
  const direct = name === NO_BIOS;
  if (direct && !linux && !incoming) throw new OptionError(`-bios ${NO_BIOS} needs a kernel: give -kernel`);
  const bios = direct ? undefined : incoming ? findFirmware(name, firmwarePaths) : needFirmware(name, firmwarePaths);
  if (!bios && !(direct && linux)) return undefined;
  const timeout = boot.get('splash-time');
  return {
    ...{ bios, linux, order: boot.get('order') ?? BOOT_ORDER, graphics: !options.nographic },
    roms: new Map(direct ? [] : romsFor(linux).map((rom) => [rom, needFirmware(rom, firmwarePaths)])),
    ...(isOn(boot.get('menu')) ? { menu: { timeout: timeout === undefined ? undefined : Number(timeout) } } : {}),
    ...(uuid === undefined ? {} : { uuid: new Uint8Array(Buffer.from(uuid.replaceAll('-', ''), 'hex')) })
  };
}

function linuxOf({ kernel, initrd, append }: MachineOptions): LinuxImage | undefined {
  if (kernel === undefined) {
    if (initrd !== undefined || append !== '')
      throw new OptionError('-initrd and -append only allowed with -kernel option');
    return undefined;
  }
  const image = { kernel: readNamed(kernel), name: kernel, append };
  if (initrd === undefined) return image;
  const multiboot = kernelKind(image.kernel) === 'multiboot';
  return multiboot ? { ...image, modules: modulesOf(initrd) } : { ...image, initrd: readNamed(initrd) };
}

/** `FILE ARGUMENTS,FILE …`: a comma is doubled to stand for itself. Source: hw/i386/multiboot.c load_multiboot. */
const modulesOf = (initrd: string): readonly MultibootModule[] =>
  initrd.split(/(?<!,),(?!,)/).map((part) => {
    const commandLine = part.replaceAll(',,', ',');
    const [file] = commandLine.split(' ', 1);
    return { commandLine, bytes: readNamed(file!) };
  });
