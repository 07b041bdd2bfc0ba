/**
 * Section "dma": the ISA DMA controllers, instance 0 for 8-bit channels 0-3, instance 1 for 16-bit channels 4-7.
 * Source: QEMU hw/dma/i8257.c; 8237A datasheet.
 */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, i32, u16, u8 } from '../../../vmstate/vmstate-types.ts';

export interface I8257Regs {
  now: number[];
  base: number[];
  mode: number;
  page: number;
  pageh: number;
  dack: number;
  eop: number;
}
export interface I8257State {
  command: number;
  mask: number;
  flip_flop: number;
  dshift: number;
  regs: I8257Regs[];
}

const regs = fieldsOf<I8257Regs>();
const vmstate_i8257_regs: VMStateDescription<I8257Regs> = {
  name: 'dma_regs',
  version: 1,
  minimumVersion: 1,
  fields: [
    regs(
      'now',
      arrayOf(i32, 2, {
        abouts: [
          { doc: 'current address', radix: 16 },
          { doc: 'transferred', unit: 'bytes' }
        ]
      })
    ),
    regs('base', arrayOf(u16, 2, { abouts: [{ doc: 'first address', radix: 16 }, { doc: 'transfers less one' }] })),
    regs('mode', u8, {
      bits: [
        { bit: 2, width: 2, name: 'transfer', values: { 0: 'verify', 1: 'write memory', 2: 'read memory' } },
        { bit: 4, name: 'auto-initialize', doc: 'begins again at the end' },
        { bit: 5, name: 'decrement' },
        { bit: 6, width: 2, name: 'mode', values: { 0: 'demand', 1: 'single', 2: 'block', 3: 'cascade' } }
      ]
    }),
    regs('page', u8, { doc: 'address bits 16-23', radix: 16 }),
    regs('pageh', u8, { doc: 'address bits 24-30', radix: 16 }),
    regs('dack', u8),
    regs('eop', u8)
  ]
};

const dma = fieldsOf<I8257State>();
export const vmstate_i8257: VMStateDescription<I8257State> = {
  name: 'dma',
  version: 1,
  minimumVersion: 1,
  doc: 'ISA DMA controller.',
  fields: [
    dma('command', u8, {
      bits: [
        { bit: 0, name: 'memory to memory' },
        { bit: 1, name: 'fixed address' },
        { bit: 2, name: 'disabled' },
        { bit: 3, name: 'compressed timing' },
        { bit: 4, name: 'rotating priority' },
        { bit: 5, name: 'extended write' },
        { bit: 6, name: 'DREQ active low' },
        { bit: 7, name: 'DACK active high' }
      ]
    }),
    dma('mask', u8, { bits: [0, 1, 2, 3].map((bit) => ({ bit, name: `channel ${bit}`, doc: 'masked' })) }),
    dma('flip_flop', u8, { doc: 'byte that the next access means', values: { 0: 'low', 1: 'high' } }),
    dma('dshift', i32, { doc: 'width of a transfer', values: { 0: '8 bits', 1: '16 bits' } }),
    dma('regs', arrayOf(struct(vmstate_i8257_regs), 4))
  ]
};
