/** The CL-GD5446. Source: QEMU hw/display/cirrus_vga.c, hw/display/cirrus_vga_isa.c. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { buffer, i32, namedBytes, u32, u8 } from '../../../vmstate/vmstate-types.ts';
import { pciDevice, type PCIDevice } from '../pci/pci.ts';
import type { VGACommonState } from './vga.ts';
import { ATTRIBUTE, CRTC, GRAPHICS, SEQUENCER } from './vga_regs.ts';

export interface CirrusVGAState {
  vga: VGACommonState & { hw_cursor_x: number; hw_cursor_y: number };
  cirrus_shadow_gr0: number;
  cirrus_shadow_gr1: number;
  cirrus_hidden_dac_lockindex: number;
  cirrus_hidden_dac_data: number;
}
const c = fieldsOf<CirrusVGAState>();
export const vmstate_cirrus_vga: VMStateDescription<CirrusVGAState> = {
  name: 'cirrus_vga',
  version: 2,
  minimumVersion: 1,
  fields: [
    c('vga.latch', u32, { radix: 16 }),
    c('vga.sr_index', u8),
    c('vga.sr', namedBytes(256, SEQUENCER), { doc: 'Sequencer and Cirrus extensions' }),
    c('vga.gr_index', u8),
    c('cirrus_shadow_gr0', u8),
    c('cirrus_shadow_gr1', u8),
    c('vga.gr', namedBytes(254, GRAPHICS.slice(2)), { doc: 'Graphics controller from register 2 on' }),
    c('vga.ar_index', u8),
    c('vga.ar', namedBytes(21, ATTRIBUTE), { doc: 'Attribute controller' }),
    c('vga.ar_flip_flop', i32),
    c('vga.cr_index', u8),
    c('vga.cr', namedBytes(256, CRTC), { doc: 'CRT controller' }),
    c('vga.msr', u8),
    c('vga.fcr', u8),
    c('vga.st00', u8),
    c('vga.st01', u8),
    c('vga.dac_state', u8),
    c('vga.dac_sub_index', u8),
    c('vga.dac_read_index', u8),
    c('vga.dac_write_index', u8),
    c('vga.dac_cache', buffer(3)),
    c('vga.palette', buffer(768), { doc: '256 colors: red, green and blue' }),
    c('vga.bank_offset', i32, { unit: 'bytes', radix: 16 }),
    c('cirrus_hidden_dac_lockindex', u8),
    c('cirrus_hidden_dac_data', u8),
    c('vga.hw_cursor_x', u32),
    c('vga.hw_cursor_y', u32)
  ]
};

export interface PCICirrusVGAState {
  dev: PCIDevice;
  cirrus_vga: CirrusVGAState;
}
const d = fieldsOf<PCICirrusVGAState>();
export const vmstate_pci_cirrus_vga: VMStateDescription<PCICirrusVGAState> = {
  name: 'cirrus_vga',
  version: 2,
  minimumVersion: 2,
  fields: [d('dev', pciDevice()), d('cirrus_vga', struct(vmstate_cirrus_vga))]
};
