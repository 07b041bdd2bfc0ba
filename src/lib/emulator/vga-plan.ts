/**
 * The VGA of a machine, from -vga and -device VGA or read off a stream.
 * Source: QEMU hw/display/vga-pci.c vga_pci_properties, hw/core/machine.c hw_compat_3_1 and hw_compat_2_12.
 */
import { isOn } from '../vmstate/command-line.ts';
import type { Snapshot } from '../vmstate/snapshot.ts';
import { placedAt } from '../vmstate/vmstate.ts';
import { DEFAULT_EDID, type EdidInfo } from './hw/display/edid-generate.ts';
import type { VGAOptions } from './hw/display/vga-pci.ts';
import { OptionError } from './system/qemu-option.ts';
import type { DeviceSpec, MachineOptions } from './system/vl.ts';

export interface VGAPlan extends VGAOptions {
  readonly slot: number;
  /** File of the ROM; undefined where there is none, or the stream has it. */
  readonly romfile: string | undefined;
}

const MIB = 2 ** 20;
const DEFAULT_MIB = 16;
const MAX_MIB = 512;
const ROMFILE = 'vgabios-stdvga.bin';
/** Every version of that file fits. */
const ROM_SIZE = 0x10000;
const CLASS_DEVICE = 0x0a;
const CLASS_DISPLAY_VGA = 0x0300;
const PROPERTIES = [
  ...['addr', 'bus', 'romfile', 'romsize', 'rombar', 'vgamem_mb', 'edid', 'xres', 'yres', 'xmax', 'ymax'],
  ...['refresh_rate', 'global-vmstate', 'multifunction']
];

/** First machine versions with EDID, and with a name of the memory that tells two cards apart. */
const WITH_EDID = 400;
const WITHOUT_GLOBAL = 300;

export const isVga = ({ driver }: DeviceSpec): boolean => driver === 'VGA';

const powerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(n));

/** Bytes of the region that a ROM's file takes. Source: pci_add_option_rom. */
export const romSizeOf = (bytes: number): number => powerOfTwo(Math.max(bytes, 1));

function number(spec: DeviceSpec | undefined, name: string, otherwise: number): number {
  const text = spec?.properties.get(name);
  const value = text === undefined ? otherwise : Number(text);
  if (!(Number.isInteger(value) && value >= 0 && value < 2 ** 32))
    throw new OptionError(`-device VGA: Parameter '${name}' expects uint32_t, not '${text}'`);
  return value;
}

const edidOf = (spec: DeviceSpec | undefined): EdidInfo => ({
  prefx: number(spec, 'xres', 0) || DEFAULT_EDID.prefx,
  prefy: number(spec, 'yres', 0) || DEFAULT_EDID.prefy,
  maxx: number(spec, 'xmax', 0),
  maxy: number(spec, 'ymax', 0),
  refresh_rate: number(spec, 'refresh_rate', 0) || DEFAULT_EDID.refresh_rate
});

/**
 * @param version of the machine type, as `machineVersion` has it
 * @param spec the -device; undefined for the one that comes by itself
 * @throws OptionError
 */
export function vgaPlan(version: number, slot: number, spec?: DeviceSpec): VGAPlan {
  for (const name of spec?.properties.keys() ?? []) {
    if (!PROPERTIES.includes(name)) throw new OptionError(`-device VGA: Property 'VGA.${name}' not found`);
  }
  const mib = Math.min(Math.max(number(spec, 'vgamem_mb', DEFAULT_MIB), 1), MAX_MIB);
  const romfile = spec?.properties.get('romfile') ?? ROMFILE;
  const rom = romfile !== '' && number(spec, 'rombar', 1) !== 0;
  const romSize = rom ? number(spec, 'romsize', ROM_SIZE) : 0;
  if (rom && romSizeOf(romSize) !== romSize) throw new OptionError(`ROM size ${romSize} is not a power of two`);
  const flag = (name: string, otherwise: boolean): boolean => isOn(spec?.properties.get(name)) ?? otherwise;
  return {
    ...{ slot, vramSize: powerOfTwo(mib) * MIB, romSize },
    romfile: rom ? romfile : undefined,
    edid: flag('edid', version >= WITH_EDID) ? edidOf(spec) : undefined,
    globalVmstate: flag('global-vmstate', version < WITHOUT_GLOBAL)
  };
}

/** Whether a VGA is there that nobody asked for. Source: system/vl.c default_list, hw/i386/pc.c pc_vga_init. */
export const hasDefaultVga = ({ vga, nodefaults, devices }: MachineOptions): boolean =>
  vga === undefined ? !nodefaults && !devices.some(isVga) : vga !== 'none';

/** The standard VGA of a stream; undefined without. */
export function vgaOf(snapshot: Snapshot, version: number): VGAPlan | undefined {
  for (const { kind, name, fields } of snapshot.sections) {
    const [, path, slot] = /^(0000:00:([\da-f]{2})\.0)\/vga$/.exec(name) ?? [];
    const config = path && kind === 'full' ? placedAt(fields, 'dev.config[0]')?.value : undefined;
    if (!(config instanceof Uint8Array)) continue;
    if ((config[CLASS_DEVICE]! | (config[CLASS_DEVICE + 1]! << 8)) !== CLASS_DISPLAY_VGA) continue;
    const size = (block: string): number => {
      const bytes = snapshot.ram.blocks.find(({ idstr }) => idstr === block)?.usedLength ?? 0;
      return bytes > 0 && powerOfTwo(bytes) === bytes ? bytes : 0;
    };
    const vramSize = size(`${path}/vga.vram`) || size('vga.vram');
    if (vramSize < MIB || vramSize > MAX_MIB * MIB) continue;
    return {
      ...{ slot: Number.parseInt(slot!, 16), vramSize, romSize: size(`${path}/vga.rom`), romfile: undefined },
      edid: version >= WITH_EDID ? DEFAULT_EDID : undefined,
      globalVmstate: size(`${path}/vga.vram`) === 0
    };
  }
  return undefined;
}
