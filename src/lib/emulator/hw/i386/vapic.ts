/**
 * Section "kvm-tpr-opt": patches Windows XP's accesses to the task priority register.
 * Source: QEMU hw/i386/vapic.c (kvmvapic.c before 9.0).
 */
import { fieldsOf, struct, unused, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, u32 } from '../../../vmstate/vmstate-types.ts';

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
