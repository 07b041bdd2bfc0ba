/** Section "i8259": the two PICs of a PC, instance 0 the master. Source: QEMU hw/intc/i8259_common.c, i8259.c. */
import { fieldsOf, type Meaning, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { u8 } from '../../../vmstate/vmstate-types.ts';

export interface PICCommonState {
  last_irr: number;
  irr: number;
  imr: number;
  isr: number;
  priority_add: number;
  irq_base: number;
  read_reg_select: number;
  poll: number;
  special_mask: number;
  init_state: number;
  auto_eoi: number;
  rotate_on_auto_eoi: number;
  special_fully_nested_mode: number;
  init4: number;
  single_mode: number;
  elcr: number;
  ltim: number;
}

const inputs = (doc: string): Meaning => ({
  doc,
  bits: Array.from({ length: 8 }, (_, bit) => ({ bit, name: `IR${bit}` }))
});
const flag = (doc: string): Meaning => ({ doc, values: { 0: 'off', 1: 'on' } });

const pic = fieldsOf<PICCommonState>();
/** QEMU calls it vmstate_pic_common. */
export const vmstate_pic: VMStateDescription<PICCommonState> = {
  name: 'i8259',
  version: 1,
  minimumVersion: 1,
  doc: 'Interrupt controller of the PC/AT; instance 1 hangs on input 2 of instance 0.',
  fields: [
    pic('last_irr', u8, inputs('levels, to see edges')),
    pic('irr', u8, inputs('requested')),
    pic('imr', u8, inputs('masked (OCW1)')),
    pic('isr', u8, inputs('in service')),
    pic('priority_add', u8, { doc: 'input with the highest priority (OCW2)' }),
    pic('irq_base', u8, { doc: 'vector of input 0 (ICW2)', radix: 16 }),
    pic('read_reg_select', u8, { doc: 'what a read returns (OCW3)', values: { 0: 'IRR', 1: 'ISR' } }),
    pic('poll', u8, flag('the next read acknowledges (OCW3)')),
    pic('special_mask', u8, flag('special mask mode (OCW3)')),
    pic('init_state', u8, {
      doc: 'initialization word that comes next',
      values: { 0: 'none', 1: 'ICW2', 2: 'ICW3', 3: 'ICW4' }
    }),
    pic('auto_eoi', u8, flag('acknowledging ends the interrupt (ICW4)')),
    pic('rotate_on_auto_eoi', u8, flag('and gives it the lowest priority (OCW2)')),
    pic('special_fully_nested_mode', u8, flag('ICW4')),
    pic('init4', u8, flag('an ICW4 comes (ICW1)')),
    pic('single_mode', u8, flag('no cascade (ICW1)')),
    pic('elcr', u8, inputs('level-triggered: ports 4d0 and 4d1'))
  ],
  subsections: [
    {
      name: 'i8259/ltim',
      version: 1,
      minimumVersion: 1,
      fields: [pic('ltim', u8, flag('all inputs are level-triggered (ICW1)'))]
    }
  ]
};
