/** Section "i8259": the two PICs of a PC, instance 0 the master. Source: QEMU hw/intc/i8259_common.c, i8259.c. */
import { fieldsOf, type Meaning, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { u8 } from '../../../vmstate/vmstate-types.ts';
import { MemoryRegion } from '../../system/memory.ts';
import type { Irq } from '../core/irq.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';

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
      needed: ({ ltim }) => (ltim ?? 0) !== 0,
      fields: [pic('ltim', u8, flag('all inputs are level-triggered (ICW1)'))]
    }
  ]
};

/** Where the two chips of a PC are, and which inputs their ELCR can make level-triggered. Source: i8259_init_chip. */
const CHIPS = [
  { iobase: 0x20, elcr_addr: 0x4d0, elcr_mask: 0xf8 },
  { iobase: 0xa0, elcr_addr: 0x4d1, elcr_mask: 0xde }
] as const;

/** One 8259A. Inputs are driven through `setIrq`, the INT output through what it was made with. */
export class I8259 implements PICCommonState, Device {
  readonly idstr = 'i8259';
  readonly vmsd = vmstate_pic;
  readonly instance: number;
  readonly #out: Irq;
  readonly #elcrMask: number;

  last_irr = 0;
  irr = 0;
  imr = 0;
  isr = 0;
  priority_add = 0;
  irq_base = 0;
  read_reg_select = 0;
  poll = 0;
  special_mask = 0;
  init_state = 0;
  auto_eoi = 0;
  rotate_on_auto_eoi = 0;
  special_fully_nested_mode = 0;
  init4 = 0;
  single_mode = 0;
  elcr = 0;
  ltim = 0;

  /** @param instance 0 the master, 1 the slave */
  constructor({ ports }: DeviceHost, instance: 0 | 1, out: Irq) {
    const chip = CHIPS[instance];
    this.instance = instance;
    this.#out = out;
    this.#elcrMask = chip.elcr_mask;
    const bytes = { impl: { min: 1, max: 1 } } as const;
    ports.register(
      chip.iobase,
      MemoryRegion.io('pic', 2, { ...bytes, read: (at) => this.#read(at), write: (at, v) => this.#write(at, v) })
    );
    ports.register(
      chip.elcr_addr,
      MemoryRegion.io('elcr', 1, {
        ...bytes,
        read: () => this.elcr,
        write: (_at, v) => (this.elcr = v & this.#elcrMask)
      })
    );
  }

  /** Source: pic_reset. */
  reset(): void {
    this.elcr = 0;
    this.ltim = 0;
    this.#initReset();
  }

  preLoad(): void {
    this.ltim = 0;
  }

  /** Sets the level of an input. Source: pic_set_irq. */
  setIrq(irq: number, level: number): void {
    const mask = 1 << irq;
    if (level) {
      if (this.#isLevel(mask) || !(this.last_irr & mask)) this.irr |= mask;
      this.last_irr |= mask;
    } else {
      if (this.#isLevel(mask)) this.irr &= ~mask;
      this.last_irr &= ~mask;
    }
    this.#update();
  }

  /** The input that the chip wants served, -1 if none. Source: pic_get_irq. */
  pending(): number {
    const priority = this.#highest(this.irr & ~this.imr);
    if (priority === 8) return -1;
    let serving = this.isr;
    if (this.special_mask) serving &= ~this.imr;
    // The slave may interrupt itself; it is the slave that knows priorities on input 2.
    if (this.special_fully_nested_mode && this.instance === 0) serving &= ~(1 << 2);
    return priority < this.#highest(serving) ? (priority + this.priority_add) & 7 : -1;
  }

  /** Source: pic_intack. */
  acknowledge(irq: number): void {
    if (!this.auto_eoi) this.isr |= 1 << irq;
    else if (this.rotate_on_auto_eoi) this.priority_add = (irq + 1) & 7;
    if (!this.#isLevel(1 << irq)) this.irr &= ~(1 << irq);
    this.#update();
  }

  #isLevel(mask: number): boolean {
    return this.ltim !== 0 || (this.elcr & mask) !== 0;
  }

  /** Priority of the most important input of a mask, 0 the highest; 8 if there is none. Source: get_priority. */
  #highest(mask: number): number {
    let priority = 0;
    while (priority < 8 && !(mask & (1 << ((priority + this.priority_add) & 7)))) priority++;
    return priority;
  }

  #update(): void {
    this.#out(this.pending() >= 0 ? 1 : 0);
  }

  /** Source: pic_reset_common, pic_init_reset. ELCR and LTIM stay. */
  #initReset(): void {
    this.last_irr = 0;
    this.irr &= this.elcr;
    this.imr = this.isr = 0;
    this.priority_add = this.irq_base = 0;
    this.read_reg_select = this.poll = this.special_mask = 0;
    this.init_state = this.init4 = this.single_mode = 0;
    this.auto_eoi = this.rotate_on_auto_eoi = 0;
    this.special_fully_nested_mode = 0;
    this.#update();
  }

  #write(at: number, value: number): void {
    if (at === 0) {
      if (value & 0x10) this.#icw1(value);
      else if (value & 0x08) this.#ocw3(value);
      else this.#ocw2(value);
      return;
    }
    switch (this.init_state) {
      case 0: // OCW1
        this.imr = value;
        this.#update();
        break;
      case 1: // ICW2
        this.irq_base = value & 0xf8;
        this.init_state = this.single_mode ? (this.init4 ? 3 : 0) : 2;
        break;
      case 2: // ICW3: the cascade is wired
        this.init_state = this.init4 ? 3 : 0;
        break;
      case 3: // ICW4
        this.special_fully_nested_mode = (value >> 4) & 1;
        this.auto_eoi = (value >> 1) & 1;
        this.init_state = 0;
        break;
    }
  }

  #icw1(value: number): void {
    this.#initReset();
    this.init_state = 1;
    this.init4 = value & 1;
    this.single_mode = value & 2;
    this.ltim = value & 8;
  }

  #ocw3(value: number): void {
    if (value & 0x04) this.poll = 1;
    if (value & 0x02) this.read_reg_select = value & 1;
    if (value & 0x40) this.special_mask = (value >> 5) & 1;
  }

  #ocw2(value: number): void {
    const command = value >> 5;
    const rotate = (command & 4) !== 0;
    switch (command & 3) {
      case 0: // in automatic EOI mode
        this.rotate_on_auto_eoi = rotate ? 1 : 0;
        return;
      case 1: {
        // non-specific EOI
        const priority = this.#highest(this.isr);
        if (priority < 8) this.#endOfInterrupt((priority + this.priority_add) & 7, rotate);
        return;
      }
      case 2:
        if (!rotate) return; // no operation
        this.priority_add = (value + 1) & 7;
        this.#update();
        return;
      case 3:
        this.#endOfInterrupt(value & 7, rotate);
    }
  }

  #endOfInterrupt(irq: number, rotate: boolean): void {
    this.isr &= ~(1 << irq);
    if (rotate) this.priority_add = (irq + 1) & 7;
    this.#update();
  }

  #read(at: number): number {
    if (this.poll) {
      this.poll = 0;
      const irq = this.pending();
      if (irq < 0) return 0;
      this.acknowledge(irq);
      return irq | 0x80;
    }
    if (at !== 0) return this.imr;
    return this.read_reg_select ? this.isr : this.irr;
  }
}

/** The two 8259As of a PC, cascaded. Source: i8259_init. */
export class ISAPic {
  readonly master: I8259;
  readonly slave: I8259;
  /** The 16 ISA interrupt lines. */
  readonly irqs: readonly Irq[];

  /** @param out INT of the master */
  constructor(host: DeviceHost, out: Irq) {
    this.master = new I8259(host, 0, out);
    this.slave = new I8259(host, 1, (level) => this.master.setIrq(2, level));
    this.irqs = Array.from({ length: 16 }, (_, n) => {
      const chip = n < 8 ? this.master : this.slave;
      return (level: number) => chip.setIrq(n & 7, level);
    });
  }

  /** Whether an interrupt is waiting. Source: pic_get_output. */
  get output(): boolean {
    return this.master.pending() >= 0;
  }

  /** INTA: the vector, which becomes in service; input 7's where nothing is waiting (spurious). Source: pic_read_irq. */
  readIrq(): number {
    const { master, slave } = this;
    const irq = master.pending();
    if (irq < 0) return master.irq_base + 7;
    if (irq !== 2) {
      master.acknowledge(irq);
      return master.irq_base + irq;
    }
    const second = slave.pending();
    if (second >= 0) slave.acknowledge(second);
    master.acknowledge(irq);
    return slave.irq_base + (second >= 0 ? second : 7);
  }
}
