/**
 * The standard PCI VGA (`VGA`): BAR 0 is its memory, BAR 2 its registers with EDID, Bochs VBE and QEMU's extension, the
 * expansion ROM its BIOS. Source: QEMU hw/display/vga-pci.c; docs/specs/standard-vga.rst.
 */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { MemoryRegion } from '../../system/memory.ts';
import type { RAMBlock } from '../../system/physmem.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';
import { pciDevice, type PCIDevice } from '../pci/pci.ts';
import type { PCIRootBus } from '../pci/pci_bus.ts';
import { BAR_MEM_PREFETCH, BAR_SPACE_MEMORY, PCIFunction, PCI_ROM_SLOT } from '../pci/pci_device.ts';
import { generateEdid, type EdidInfo } from './edid-generate.ts';
import { vmstate_vga_common, type VGACommonState } from './vga.ts';
import { VGACommon } from './vga-device.ts';

export interface PCIVGAState {
  dev: PCIDevice;
  vga: VGACommonState;
}
const d = fieldsOf<PCIVGAState>();
export const vmstate_vga_pci: VMStateDescription<PCIVGAState> = {
  name: 'vga',
  version: 2,
  minimumVersion: 2,
  fields: [d('dev', pciDevice()), d('vga', struct(vmstate_vga_common))]
};

const PCI_VGA_MMIO_SIZE = 0x1000;
const PCI_VGA_IOPORT_OFFSET = 0x400;
const PCI_VGA_IOPORT_SIZE = 0x20;
const PCI_VGA_BOCHS_OFFSET = 0x500;
const PCI_VGA_BOCHS_SIZE = 22;
const PCI_VGA_QEXT_OFFSET = 0x600;
const PCI_VGA_QEXT_SIZE = 8;
const PCI_VGA_QEXT_REG_BYTEORDER = 4;
const PCI_VGA_QEXT_LITTLE_ENDIAN = 0x1e1e1e1e;
const PCI_VGA_QEXT_BIG_ENDIAN = 0xbebebebe;

export interface VGAOptions {
  /** Bytes of video memory: a power of two from 1 MiB on. */
  readonly vramSize: number;
  /** Bytes of the expansion ROM: a power of two; 0 is none. */
  readonly romSize: number;
  /** What the monitor says; none where undefined, as before QEMU 4.0. */
  readonly edid: EdidInfo | undefined;
  /** Its memory is called `vga.vram`, as before QEMU 3.0. */
  readonly globalVmstate: boolean;
}

export class PCIVGA implements PCIVGAState, Device {
  readonly vmsd = vmstate_vga_pci;
  readonly idstr: string;
  readonly dev: PCIFunction;
  readonly vga: VGACommon;
  /** Undefined without a ROM. */
  readonly rom: RAMBlock | undefined;

  constructor(host: Pick<DeviceHost, 'physmem' | 'ports'>, bus: PCIRootBus, devfn: number, options: VGAOptions) {
    this.dev = new PCIFunction(bus, devfn, {
      ...{ name: 'VGA', vendor_id: 0x1234, device_id: 0x1111, revision: 2, class_id: 0x0300, hotpluggable: false }
    });
    const { path } = this.dev;
    this.idstr = `${path}/${vmstate_vga_pci.name}`;
    this.vga = new VGACommon(host, options.globalVmstate ? 'vga.vram' : `${path}/vga.vram`, options.vramSize);
    this.vga.mapLegacy(bus.memory_space, host.ports);
    this.dev.registerBar(0, BAR_SPACE_MEMORY | BAR_MEM_PREFETCH, this.vga.vramRegion);
    this.dev.registerBar(2, BAR_SPACE_MEMORY, registersOf(this.vga, options.edid));
    if (options.romSize === 0) return;
    this.rom = host.physmem.allocate(`${path}/vga.rom`, options.romSize);
    this.dev.registerBar(PCI_ROM_SLOT, BAR_SPACE_MEMORY, MemoryRegion.rom(this.rom, 'vga.rom'));
  }

  reset(): void {
    this.dev.reset();
    this.vga.reset();
  }

  /** QEMU sends neither. */
  saveLocal(): unknown {
    return { dac_8bit: this.vga.dac_8bit, sr_vbe: this.vga.sr_vbe.slice() };
  }
  loadLocal({ dac_8bit, sr_vbe }: Pick<VGACommon, 'dac_8bit' | 'sr_vbe'>): void {
    this.vga.dac_8bit = dac_8bit;
    this.vga.sr_vbe.set(sr_vbe);
  }

  postLoad(): string | undefined {
    this.vga.postLoad();
    return this.dev.postLoad();
  }
}

/** BAR 2. Source: pci_std_vga_mmio_region_init. */
function registersOf(vga: VGACommon, edid: EdidInfo | undefined): MemoryRegion {
  const mmio = MemoryRegion.io('vga.mmio', PCI_VGA_MMIO_SIZE, { read: () => 0xffff_ffff, write: () => {} });
  const ioports = MemoryRegion.io('vga ioports remapped', PCI_VGA_IOPORT_SIZE, {
    valid: { min: 1, max: 4 },
    impl: { min: 1, max: 2 },
    read: (addr, size) => vga.ioportRead(0x3c0 + addr) | (size === 2 ? vga.ioportRead(0x3c1 + addr) << 8 : 0),
    write(addr, value, size) {
      vga.ioportWrite(0x3c0 + addr, value & 0xff);
      if (size === 2) vga.ioportWrite(0x3c1 + addr, value >> 8);
    }
  });
  const bochs = MemoryRegion.io('bochs dispi interface', PCI_VGA_BOCHS_SIZE, {
    valid: { min: 1, max: 4 },
    impl: { min: 2, max: 2 },
    read(addr) {
      vga.vbe_index = addr >> 1;
      return vga.vbeRead();
    },
    write(addr, value) {
      vga.vbe_index = addr >> 1;
      vga.vbeWrite(value);
    }
  });
  const qext = MemoryRegion.io('qemu extended regs', PCI_VGA_QEXT_SIZE, {
    valid: { min: 4, max: 4 },
    read: (addr) =>
      addr !== PCI_VGA_QEXT_REG_BYTEORDER
        ? PCI_VGA_QEXT_SIZE
        : vga.big_endian_fb
          ? PCI_VGA_QEXT_BIG_ENDIAN
          : PCI_VGA_QEXT_LITTLE_ENDIAN,
    write(addr, value) {
      if (addr !== PCI_VGA_QEXT_REG_BYTEORDER) return;
      if (value === PCI_VGA_QEXT_BIG_ENDIAN) vga.big_endian_fb = true;
      if (value === PCI_VGA_QEXT_LITTLE_ENDIAN) vga.big_endian_fb = false;
    }
  });
  mmio.addSubregion(PCI_VGA_IOPORT_OFFSET, ioports);
  mmio.addSubregion(PCI_VGA_BOCHS_OFFSET, bochs);
  mmio.addSubregion(PCI_VGA_QEXT_OFFSET, qext);
  if (edid) mmio.addSubregion(0, edidRegion(generateEdid(edid)));
  return mmio;
}

/** Source: hw/display/edid-region.c. */
const edidRegion = (edid: Uint8Array): MemoryRegion =>
  MemoryRegion.io('edid', edid.length, {
    valid: { min: 1, max: 4 },
    impl: { min: 1, max: 1 },
    read: (addr) => edid[addr]!,
    write: () => {}
  });
