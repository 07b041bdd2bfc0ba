/**
 * Section "kvm-tpr-opt": patches Windows XP's accesses to the task priority register.
 * Source: QEMU hw/i386/vapic.c (kvmvapic.c before 9.0).
 */
import { fieldsOf, struct, unused, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, u32 } from '../../../vmstate/vmstate-types.ts';
import { MemoryRegion } from '../../system/memory.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';

export interface VAPICHandlers {
  set_tpr: number;
  set_tpr_eax: number;
  get_tpr: number[];
  get_tpr_stack: number;
}
export interface GuestROMState {
  vaddr: number;
  fixup_start: number;
  fixup_end: number;
  vapic_vaddr: number;
  vapic_size: number;
  vcpu_shift: number;
  real_tpr_addr: number;
  up: VAPICHandlers;
  mp: VAPICHandlers;
}
export interface VAPICROMState {
  rom_state: GuestROMState;
  state: number;
  real_tpr_addr: number;
  rom_state_vaddr: number;
  vapic_paddr: number;
  rom_state_paddr: number;
}

const GVA = { pointer: 'gva' } as const;
const GPA = { pointer: 'gpa' } as const;

const handlers = fieldsOf<VAPICHandlers>();
const vmstate_handlers: VMStateDescription<VAPICHandlers> = {
  name: 'kvmvapic-handlers',
  version: 1,
  minimumVersion: 1,
  fields: [
    handlers('set_tpr', u32, GVA),
    handlers('set_tpr_eax', u32, GVA),
    handlers('get_tpr', arrayOf(u32, 8), { doc: 'one for each register', ...GVA }),
    handlers('get_tpr_stack', u32, GVA)
  ]
};

const rom = fieldsOf<GuestROMState>();
const vmstate_guest_rom: VMStateDescription<GuestROMState> = {
  name: 'kvmvapic-guest-rom',
  version: 1,
  minimumVersion: 1,
  fields: [
    unused(8, { doc: 'was the signature' }),
    rom('vaddr', u32, { doc: 'where the guest sees the option ROM', ...GVA }),
    rom('fixup_start', u32, { doc: 'table of addresses in the ROM to be relocated', ...GVA }),
    rom('fixup_end', u32, GVA),
    rom('vapic_vaddr', u32, { doc: 'virtual APIC states, one a CPU', ...GVA }),
    rom('vapic_size', u32, { unit: 'bytes' }),
    rom('vcpu_shift', u32, { doc: 'a state takes 2 to the power of this bytes' }),
    rom('real_tpr_addr', u32, { doc: "the APIC's own register", ...GVA }),
    rom('up', struct(vmstate_handlers), { doc: 'routines for one CPU' }),
    rom('mp', struct(vmstate_handlers), { doc: 'routines for several CPUs' })
  ]
};

const vapic = fieldsOf<VAPICROMState>();
export const vmstate_vapic: VMStateDescription<VAPICROMState> = {
  name: 'kvm-tpr-opt',
  version: 1,
  minimumVersion: 1,
  doc: 'Faster task priority accesses for 32-bit Windows.',
  fields: [
    vapic('rom_state', struct(vmstate_guest_rom)),
    vapic('state', u32, { values: { 0: 'inactive', 1: 'active', 2: 'standby' } }),
    vapic('real_tpr_addr', u32, GVA),
    vapic('rom_state_vaddr', u32, GVA),
    vapic('vapic_paddr', u32, GPA),
    vapic('rom_state_paddr', u32, GPA)
  ]
};

const PORT = 0x7e;
const INACTIVE = 0;
const ACTIVE = 1;
const STANDBY = 2;
/** Option ROMs begin at multiples of this. */
const ROM_BLOCK_SIZE = 512;
const PAGE_SIZE = 4096;
const OVER_ALL = 1000;

/** Where the ROM lies: RAM, as firmware copied it there. */
export interface VAPICMemory {
  readonly system: MemoryRegion;
  readonly ram: MemoryRegion;
}

const noHandlers = (): VAPICHandlers => ({
  ...{ set_tpr: 0, set_tpr_eax: 0, get_tpr: new Array<number>(8).fill(0), get_tpr_stack: 0 }
});

/**
 * The device as far as its option ROM announces itself. vapic_report_tpr_access, which patches the guest's accesses to
 * the task priority register, is left out for good:
 * - It touches 32-bit Windows XP and Server 2003 alone: get_kpcr_number wants their processor control region behind FS,
 *   evaluate_tpr_instruction their kernel's addresses.
 * - What it spares is an exit of KVM at each access. Under TCG, where nothing exits, apic_mem_write has the same effect as
 *   the ROM's handlers: they keep the priority in a page that apic_sync_vapic copies back. So a guest that starts here
 *   finds no difference but in its own code.
 * - A guest that was patched elsewhere runs those handlers; its state (`VAPIC_ACTIVE`) is refused when it is loaded, as
 *   the page would be looked at by nobody.
 * With it go patch_hypercalls, as only handlers poll, and the 8-bit write, which patches anew after hibernation.
 */
export class VAPICROM implements Device {
  readonly idstr = 'kvm-tpr-opt';
  readonly vmsd = vmstate_vapic;
  /** Apart from the device: QEMU has a field of the name that a device's state has here. */
  readonly state: VAPICROMState = {
    rom_state: {
      ...{ vaddr: 0, fixup_start: 0, fixup_end: 0, vapic_vaddr: 0, vapic_size: 0, vcpu_shift: 0, real_tpr_addr: 0 },
      ...{ up: noHandlers(), mp: noHandlers() }
    },
    ...{ state: INACTIVE, real_tpr_addr: 0, rom_state_vaddr: 0, vapic_paddr: 0, rom_state_paddr: 0 }
  };

  readonly #map: VAPICMemory;
  /** Lets the ROM keep its variables, over what the chipset makes read-only. */
  #rom: MemoryRegion | undefined;

  /** @param codeAddress where the CPU executes: CS base and EIP */
  constructor({ ports }: Pick<DeviceHost, 'ports'>, map: VAPICMemory, codeAddress: () => number) {
    this.#map = map;
    const write = (_addr: number, value: number, size: number): void => {
      if (size !== 2 || this.state.state !== INACTIVE) return;
      const at = codeAddress();
      this.state.rom_state_paddr = (at - (at % ROM_BLOCK_SIZE) + value) >>> 0;
      this.state.state = STANDBY;
      if (!this.#mapRomWritable()) this.reset();
    };
    ports.register(PORT, MemoryRegion.io('kvmvapic', 2, { read: () => 0xffff_ffff, write }));
  }

  reset(): void {
    this.state.state = INACTIVE;
    this.state.rom_state_paddr = 0;
    this.#unmapRom();
  }

  #unmapRom(): void {
    if (this.#rom) this.#map.system.delSubregion(this.#rom);
    this.#rom = undefined;
  }

  /** The ROM's length is its third byte, in blocks. False: there is none. Source: vapic_map_rom_writable. */
  #mapRomWritable(): boolean {
    const { system, ram } = this.#map;
    this.#unmapRom();
    const start = this.state.rom_state_paddr - (this.state.rom_state_paddr % ROM_BLOCK_SIZE);
    const blocks = start + 2 < ram.size ? (ram.ram?.bytes()[start + 2] ?? 0) : 0;
    if (blocks === 0) return false;
    const from = start - (start % PAGE_SIZE);
    const to = Math.ceil((start + blocks * ROM_BLOCK_SIZE) / PAGE_SIZE) * PAGE_SIZE;
    this.#rom = MemoryRegion.aliasOf('kvmvapic-rom', ram, from, to - from);
    system.addSubregion(from, this.#rom, OVER_ALL);
    return true;
  }

  postLoad(): string | undefined {
    if (this.state.state === INACTIVE && this.state.rom_state_paddr !== 0) this.state.state = STANDBY;
    this.#unmapRom();
    if (this.state.state !== INACTIVE && !this.#mapRomWritable()) return 'there is no option ROM where its state is';
    return this.state.state === ACTIVE
      ? 'the guest was patched to share its task priority with the host, which nothing here looks at'
      : undefined;
  }
}
