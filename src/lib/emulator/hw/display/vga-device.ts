/** The VGA core as it runs. Source: QEMU hw/display/vga.c. */
import { MemoryRegion, memoryTransaction } from '../../system/memory.ts';
import type { IOPortSpace, MemoryRegionPortio } from '../../system/ioport.ts';
import type { RAMBlock } from '../../system/physmem.ts';
import type { DeviceHost } from '../core/qdev.ts';
import type { VGACommonState } from './vga.ts';
import { memoryMap, readVgaMemory, WINDOWS, writeVgaMemory, type PlanarMemory } from './vga-memory.ts';
import {
  ST01_DISP_ENABLE,
  ST01_V_RETRACE,
  VBE,
  VBE_DISPI_8BIT_DAC,
  VBE_DISPI_ENABLED,
  VBE_DISPI_GETCAPS,
  VBE_DISPI_ID0,
  VBE_DISPI_ID5,
  VBE_DISPI_INDEX,
  VBE_DISPI_MAX_BPP,
  VBE_DISPI_MAX_XRES,
  VBE_DISPI_MAX_YRES,
  VBE_DISPI_NOCLEARMEM,
  VGA_AR_MASK,
  VGA_CR11_LOCK_CR0_CR7,
  VGA_CRTC,
  VGA_GFX,
  VGA_GR06_GRAPHICS_MODE,
  VGA_GR_MASK,
  VGA_MIS_COLOR,
  VGA_SEQ,
  VGA_SR01_HALF_CLOCK,
  VGA_SR02_ALL_PLANES,
  VGA_SR04_CHN_4M,
  VGA_SR_MASK
} from './vga_regs.ts';

const PALETTE_ENTRIES = 16;
const BANK = 0x10000;

/** A VGA with the Bochs VBE extension: registers, memory windows, banks. What it shows, `vga-draw.ts` knows. */
export class VGACommon implements VGACommonState, PlanarMemory {
  latch = 0;
  sr_index = 0;
  sr = new Uint8Array(8);
  gr_index = 0;
  gr = new Uint8Array(16);
  ar_index = 0;
  ar = new Uint8Array(21);
  ar_flip_flop = 0;
  cr_index = 0;
  cr = new Uint8Array(256);
  msr = 0;
  fcr = 0;
  st00 = 0;
  st01 = 0;
  dac_state = 0;
  dac_sub_index = 0;
  dac_read_index = 0;
  dac_write_index = 0;
  dac_cache = new Uint8Array(3);
  palette = new Uint8Array(768);
  bank_offset = 0;
  readonly is_vbe_vmstate = 1;
  vbe_index = 0;
  vbe_regs: number[] = [];
  vbe_start_addr = 0;
  vbe_line_offset = 0;
  vbe_bank_mask = 0;
  big_endian_fb = false;
  readonly default_endian_fb = false;

  /** The sequencer while VBE is on. */
  sr_vbe = new Uint8Array(8);
  /** Components of the palette have 8 bits, not 6; QEMU does not send it. */
  dac_8bit = false;
  readonly vram: RAMBlock;
  /** All of the video memory, linear. */
  readonly vramRegion: MemoryRegion;
  readonly #chain4: MemoryRegion;
  #legacy: MemoryRegion | undefined;
  readonly #cleared: (bytes: number) => void;

  /** @param name of the block of video memory; @param size of it in bytes, a power of two from 1 MiB on */
  constructor({ physmem }: Pick<DeviceHost, 'physmem'>, name: string, size: number) {
    this.vram = physmem.allocate(name, size);
    this.vramRegion = MemoryRegion.ram(this.vram, 'vga.vram');
    this.#chain4 = MemoryRegion.aliasOf('vga.chain4', this.vramRegion, 0, WINDOWS[0].size);
    this.#cleared = (bytes) => {
      physmem.setDirty(this.vram.offset, bytes);
      this.vram.bytes(0, bytes).fill(0);
    };
    this.reset();
  }

  /** Puts it at the places that every PC's has. Source: vga_init. */
  mapLegacy(memory: MemoryRegion, ports: IOPortSpace): void {
    this.#legacy = memory;
    const lowmem = MemoryRegion.io('vga-lowmem', WINDOWS[0].size, {
      impl: { min: 1, max: 1 },
      read: (addr) => readVgaMemory(this, addr),
      write: (addr, value) => writeVgaMemory(this, addr, value)
    });
    memory.addSubregion(WINDOWS[0].base, lowmem, 1);
    ports.registerList(0x3b0, 'vga', this.#ports);
    ports.registerList(0x1ce, 'vbe', this.#vbePorts);
  }

  readonly #ports: readonly MemoryRegionPortio[] = [
    [0x04, 2],
    [0x0a, 1],
    [0x10, 16],
    [0x24, 2],
    [0x2a, 1]
  ].map(([offset, len]) => ({
    ...{ offset: offset!, len: len!, size: 1 },
    read: (port) => this.ioportRead(port),
    write: (port, value) => this.ioportWrite(port, value)
  }));
  readonly #vbePorts: readonly MemoryRegionPortio[] = [
    {
      ...{ offset: 0, len: 1, size: 2 },
      read: () => this.vbe_index,
      write: (_port, value) => (this.vbe_index = value)
    },
    ...[1, 2].map((offset): MemoryRegionPortio => ({
      ...{ offset, len: 1, size: 2 },
      read: () => this.vbeRead(),
      write: (_port, value) => this.vbeWrite(value)
    }))
  ];

  get vbeEnabled(): boolean {
    return (this.vbe_regs[VBE_DISPI_INDEX.ENABLE]! & VBE_DISPI_ENABLED) !== 0;
  }
  get sequencer(): Uint8Array {
    return this.vbeEnabled ? this.sr_vbe : this.sr;
  }

  reset(): void {
    for (const registers of [this.sr, this.sr_vbe, this.gr, this.ar, this.cr, this.dac_cache, this.palette]) {
      registers.fill(0);
    }
    this.sr_index = this.gr_index = this.ar_index = this.ar_flip_flop = this.cr_index = 0;
    this.msr = this.fcr = this.st00 = this.st01 = 0;
    this.dac_state = this.dac_sub_index = this.dac_read_index = this.dac_write_index = 0;
    this.dac_8bit = false;
    this.bank_offset = this.vbe_index = this.vbe_start_addr = this.vbe_line_offset = 0;
    this.vbe_regs = VBE.map((_, index) => (index === VBE_DISPI_INDEX.ID ? VBE_DISPI_ID5 : 0));
    this.vbe_bank_mask = this.vram.used_length / BANK - 1;
    this.#updateMemoryAccess();
  }

  postLoad(): void {
    this.#updateRegisters();
    this.#updateMemoryAccess();
  }

  /**
   * Where planes do not matter, the window is video memory itself. Source: vga_update_memory_access.
   */
  #updateMemoryAccess(): void {
    const legacy = this.#legacy;
    if (!legacy) return;
    const linear =
      (this.sequencer[VGA_SEQ.PLANE_WRITE]! & VGA_SR02_ALL_PLANES) === VGA_SR02_ALL_PLANES &&
      (this.sequencer[VGA_SEQ.MEMORY_MODE]! & VGA_SR04_CHN_4M) !== 0;
    const map = memoryMap(this.gr);
    const { base, size } = WINDOWS[map]!;
    const offset = map === 1 ? this.bank_offset : 0;
    const fits = offset >= 0 && offset + size <= this.vram.used_length;
    const there = this.#chain4.container !== undefined;
    memoryTransaction(() => {
      if (!linear || !fits) return legacy.delSubregion(this.#chain4);
      this.#chain4.setSize(size);
      this.#chain4.setAliasOffset(offset);
      if (there) this.#chain4.setAddress(base);
      else legacy.addSubregion(base, this.#chain4, 2);
    });
  }

  /** Ports of the other kind of screen answer nothing. Source: vga_ioport_invalid. */
  #isInvalid(port: number): boolean {
    return port >> 4 === (this.msr & VGA_MIS_COLOR ? 0x3b : 0x3d);
  }

  /** @param port 3b0 to 3df. @returns a byte. Source: vga_ioport_read */
  ioportRead(port: number): number {
    if (this.#isInvalid(port)) return 0xff;
    switch (port) {
      case 0x3c0:
        return this.ar_flip_flop === 0 ? this.ar_index : 0;
      case 0x3c1:
        return this.ar[this.ar_index & 0x1f] ?? 0;
      case 0x3c2:
        return this.st00;
      case 0x3c4:
        return this.sr_index;
      case 0x3c5:
        return this.sr[this.sr_index] ?? 0;
      case 0x3c7:
        return this.dac_state;
      case 0x3c8:
        return this.dac_write_index;
      case 0x3c9:
        return this.#readPalette();
      case 0x3ca:
        return this.fcr;
      case 0x3cc:
        return this.msr;
      case 0x3ce:
        return this.gr_index;
      case 0x3cf:
        return this.gr[this.gr_index] ?? 0;
      case 0x3b4:
      case 0x3d4:
        return this.cr_index;
      case 0x3b5:
      case 0x3d5:
        return this.cr[this.cr_index]!;
      case 0x3ba:
      case 0x3da:
        // The beam is where it was not when this was asked before: all that polls goes on.
        this.st01 ^= ST01_V_RETRACE | ST01_DISP_ENABLE;
        this.ar_flip_flop = 0;
        return this.st01;
      default:
        return 0;
    }
  }

  #readPalette(): number {
    const value = this.palette[this.dac_read_index * 3 + this.dac_sub_index] ?? 0;
    this.dac_sub_index = (this.dac_sub_index + 1) & 0xff;
    if (this.dac_sub_index === 3) {
      this.dac_sub_index = 0;
      this.dac_read_index = (this.dac_read_index + 1) & 0xff;
    }
    return value;
  }

  #writePalette(value: number): void {
    this.dac_cache[this.dac_sub_index] = value;
    this.dac_sub_index = (this.dac_sub_index + 1) & 0xff;
    if (this.dac_sub_index !== 3) return;
    this.palette.set(this.dac_cache, this.dac_write_index * 3);
    this.dac_sub_index = 0;
    this.dac_write_index = (this.dac_write_index + 1) & 0xff;
  }

  /** @param port 3b0 to 3df. Source: vga_ioport_write */
  ioportWrite(port: number, value: number): void {
    if (this.#isInvalid(port)) return;
    switch (port) {
      case 0x3c0:
        if (this.ar_flip_flop === 0) this.ar_index = value & 0x3f;
        else this.#writeAttribute(this.ar_index & 0x1f, value);
        this.ar_flip_flop ^= 1;
        break;
      case 0x3c2:
        this.msr = value & ~0x10;
        break;
      case 0x3c4:
        this.sr_index = value & 7;
        break;
      case 0x3c5:
        this.sr[this.sr_index] = value & (VGA_SR_MASK[this.sr_index] ?? 0);
        this.#updateMemoryAccess();
        break;
      case 0x3c7:
        this.dac_read_index = value;
        this.dac_sub_index = 0;
        this.dac_state = 3;
        break;
      case 0x3c8:
        this.dac_write_index = value;
        this.dac_sub_index = this.dac_state = 0;
        break;
      case 0x3c9:
        this.#writePalette(value);
        break;
      case 0x3ce:
        this.gr_index = value & 0x0f;
        break;
      case 0x3cf:
        this.gr[this.gr_index] = value & (VGA_GR_MASK[this.gr_index] ?? 0);
        this.#updateRegisters();
        this.#updateMemoryAccess();
        break;
      case 0x3b4:
      case 0x3d4:
        this.cr_index = value;
        break;
      case 0x3b5:
      case 0x3d5:
        this.#writeCrtc(value);
        break;
      case 0x3ba:
      case 0x3da:
        this.fcr = value & 0x10;
    }
  }

  #writeAttribute(index: number, value: number): void {
    const mask = index < PALETTE_ENTRIES ? 0x3f : VGA_AR_MASK[index];
    if (mask !== undefined) this.ar[index] = value & mask;
  }

  #writeCrtc(value: number): void {
    const { cr, cr_index } = this;
    if (cr[VGA_CRTC.V_SYNC_END]! & VGA_CR11_LOCK_CR0_CR7 && cr_index <= VGA_CRTC.OVERFLOW) {
      // Line compare is not locked.
      if (cr_index !== VGA_CRTC.OVERFLOW) return;
      cr[cr_index] = (cr[cr_index]! & ~0x10) | (value & 0x10);
    } else cr[cr_index] = value;
    this.#updateRegisters();
  }

  /** The register that `vbe_index` names, 16 bits. Source: vbe_ioport_read_data. */
  vbeRead(): number {
    const { vbe_index: index, vbe_regs: regs } = this;
    if (index === VBE_DISPI_INDEX.VIDEO_MEMORY_64K) return this.vram.used_length / BANK;
    if (regs[VBE_DISPI_INDEX.ENABLE]! & VBE_DISPI_GETCAPS) {
      if (index === VBE_DISPI_INDEX.XRES) return VBE_DISPI_MAX_XRES;
      if (index === VBE_DISPI_INDEX.YRES) return VBE_DISPI_MAX_YRES;
      if (index === VBE_DISPI_INDEX.BPP) return VBE_DISPI_MAX_BPP;
    }
    return regs[index] ?? 0;
  }

  /** Source: vbe_ioport_write_data. */
  vbeWrite(value: number): void {
    const { vbe_index: index, vbe_regs: regs } = this;
    switch (index) {
      case VBE_DISPI_INDEX.ID:
        if (value >= VBE_DISPI_ID0 && value <= VBE_DISPI_ID5) regs[index] = value;
        break;
      case VBE_DISPI_INDEX.XRES:
      case VBE_DISPI_INDEX.YRES:
      case VBE_DISPI_INDEX.BPP:
      case VBE_DISPI_INDEX.VIRT_WIDTH:
      case VBE_DISPI_INDEX.X_OFFSET:
      case VBE_DISPI_INDEX.Y_OFFSET:
        regs[index] = value;
        this.#fixUp();
        this.#updateRegisters();
        break;
      case VBE_DISPI_INDEX.BANK:
        regs[index] = value & this.vbe_bank_mask;
        this.bank_offset = regs[index] * BANK;
        this.#updateMemoryAccess();
        break;
      case VBE_DISPI_INDEX.ENABLE:
        this.#vbeEnable(value);
    }
  }

  #vbeEnable(value: number): void {
    const { vbe_regs: regs } = this;
    if (value & VBE_DISPI_ENABLED && !this.vbeEnabled) {
      regs[VBE_DISPI_INDEX.VIRT_WIDTH] = regs[VBE_DISPI_INDEX.X_OFFSET] = regs[VBE_DISPI_INDEX.Y_OFFSET] = 0;
      regs[VBE_DISPI_INDEX.ENABLE]! |= VBE_DISPI_ENABLED;
      this.#fixUp();
      this.#updateRegisters();
      if (!(value & VBE_DISPI_NOCLEARMEM)) {
        this.#cleared(Math.min(regs[VBE_DISPI_INDEX.YRES]! * this.vbe_line_offset, this.vram.used_length));
      }
    } else this.bank_offset = 0;
    this.dac_8bit = (value & VBE_DISPI_8BIT_DAC) !== 0;
    regs[VBE_DISPI_INDEX.ENABLE] = value;
    this.#updateMemoryAccess();
  }

  /** Brings what the guest asked for to the nearest that there is. Source: vbe_fixup_regs. */
  #fixUp(): void {
    if (!this.vbeEnabled) return;
    const { vbe_regs: r } = this;
    const { XRES, YRES, BPP, VIRT_WIDTH, VIRT_HEIGHT, X_OFFSET, Y_OFFSET } = VBE_DISPI_INDEX;
    const size = this.vram.used_length;
    if (![4, 8, 15, 16, 24, 32].includes(r[BPP]!)) r[BPP] = 8;
    const bits = r[BPP] === 15 ? 16 : r[BPP]!;
    r[XRES] = Math.min(r[XRES]! & ~7 || 8, VBE_DISPI_MAX_XRES);
    r[VIRT_WIDTH] = Math.max(Math.min(r[VIRT_WIDTH]! & ~7, VBE_DISPI_MAX_XRES), r[XRES]);
    const line = (r[VIRT_WIDTH] * bits) / 8;
    const lines = Math.floor(size / line);
    r[YRES] = Math.min(r[YRES]! || 1, VBE_DISPI_MAX_YRES, lines);
    r[X_OFFSET] = Math.min(r[X_OFFSET]!, VBE_DISPI_MAX_XRES);
    r[Y_OFFSET] = Math.min(r[Y_OFFSET]!, VBE_DISPI_MAX_YRES);
    const offset = (): number => Math.floor((r[X_OFFSET]! * bits) / 8) + r[Y_OFFSET]! * line;
    const fits = (): boolean => offset() + r[YRES]! * line <= size;
    if (!fits()) r[Y_OFFSET] = 0;
    if (!fits()) r[X_OFFSET] = 0;
    r[VIRT_HEIGHT] = lines & 0xffff;
    this.vbe_line_offset = line;
    this.vbe_start_addr = offset() >>> 2;
  }

  /** While VBE is on, the VGA's registers say what it shows. Source: vbe_update_vgaregs. */
  #updateRegisters(): void {
    if (!this.vbeEnabled) return;
    const { gr, cr, sr_vbe, vbe_regs: r } = this;
    gr[VGA_GFX.MISC] = (gr[VGA_GFX.MISC]! & ~0x0c) | 0x04 | VGA_GR06_GRAPHICS_MODE;
    cr[VGA_CRTC.MODE]! |= 3;
    cr[VGA_CRTC.OFFSET] = this.vbe_line_offset >> 3;
    cr[VGA_CRTC.H_DISP] = (r[VBE_DISPI_INDEX.XRES]! >> 3) - 1;
    const last = r[VBE_DISPI_INDEX.YRES]! - 1;
    cr[VGA_CRTC.V_DISP_END] = last;
    cr[VGA_CRTC.OVERFLOW] = (cr[VGA_CRTC.OVERFLOW]! & ~0x42) | ((last >> 7) & 0x02) | ((last >> 3) & 0x40) | 0x10;
    cr[VGA_CRTC.LINE_COMPARE] = 0xff;
    const planar = r[VBE_DISPI_INDEX.BPP] === 4;
    if (planar) sr_vbe[VGA_SEQ.CLOCK_MODE]! &= ~VGA_SR01_HALF_CLOCK;
    else {
      sr_vbe[VGA_SEQ.MEMORY_MODE]! |= VGA_SR04_CHN_4M;
      sr_vbe[VGA_SEQ.PLANE_WRITE]! |= VGA_SR02_ALL_PLANES;
    }
    gr[VGA_GFX.MODE] = (gr[VGA_GFX.MODE]! & ~0x60) | (planar ? 0 : 0x40);
    cr[VGA_CRTC.MAX_SCAN] = (cr[VGA_CRTC.MAX_SCAN]! | 0x40) & ~0x9f;
  }
}
