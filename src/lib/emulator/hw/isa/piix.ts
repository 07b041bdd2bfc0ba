/** The ISA bridges PIIX3 and PIIX4. Source: QEMU hw/isa/piix.c (piix3.c and piix4.c before 9.0). */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, i32, u8 } from '../../../vmstate/vmstate-types.ts';
import type { IOPortSpace } from '../../system/ioport.ts';
import { MemoryRegion } from '../../system/memory.ts';
import type { Irq } from '../core/irq.ts';
import type { Device } from '../core/qdev.ts';
import { reg16, reg8 } from '../core/register.ts';
import { PIRQ_ROUTE, pciDevice, type PCIDevice } from '../pci/pci.ts';
import type { PCIIrqRouting, PCIRootBus } from '../pci/pci_bus.ts';
import { overlaps, PCIFunction } from '../pci/pci_device.ts';

/** Source: 82371SB datasheet 2.2. */
const PIIX_REGISTERS = [
  reg8(0x4c, 'IORT', { doc: 'ISA I/O recovery time' }),
  reg16(0x4e, 'XBCS', { doc: 'X-bus chip selects', radix: 16 }),
  ...['A', 'B', 'C', 'D'].map((line, i) =>
    reg8(0x60 + i, `PIRQRC${line}`, { ...PIRQ_ROUTE, doc: `ISA interrupt that PIRQ${line} goes to` })
  ),
  reg8(0x69, 'TOM', { doc: 'Top of memory for ISA masters' }),
  reg16(0x6a, 'MSTAT', { doc: 'Miscellaneous status', radix: 16 }),
  reg8(0x70, 'MBIRQ0', PIRQ_ROUTE),
  reg8(0x80, 'APICBASE', { doc: 'Address relocation of the I/O APIC', radix: 16 }),
  reg8(0x82, 'DLC', { doc: 'Deterministic latency' }),
  reg16(0xa0, 'SMICNTL', { radix: 16 })
];

export interface PIIXState {
  dev: PCIDevice;
  pci_irq_levels_vmstate: number[];
  rcr: number;
}
const d = fieldsOf<PIIXState>();
const rcr = {
  doc: 'Reset control, port 0xcf9',
  bits: [
    { name: 'SRST', bit: 1, doc: 'hard instead of soft reset' },
    { name: 'RCPU', bit: 2, doc: 'resets when it rises' }
  ]
};

export const vmstate_piix3: VMStateDescription<PIIXState> = {
  name: 'PIIX3',
  version: 3,
  minimumVersion: 2,
  fields: [
    d('dev', pciDevice(PIIX_REGISTERS)),
    d('pci_irq_levels_vmstate', arrayOf(i32, 4), { since: 3, doc: 'Levels of PIRQA to PIRQD' })
  ],
  subsections: [
    {
      name: 'PIIX3/rcr',
      version: 1,
      minimumVersion: 1,
      doc: 'Sent when port 0xcf9 holds something',
      needed: (s) => (s.rcr ?? 0) !== 0,
      fields: [d('rcr', u8, rcr)]
    }
  ]
};

export const vmstate_piix4: VMStateDescription<PIIXState> = {
  name: 'PIIX4',
  version: 3,
  minimumVersion: 2,
  fields: [d('dev', pciDevice(PIIX_REGISTERS)), d('rcr', u8, { since: 3, ...rcr })]
};

const PIIX_NUM_PIRQS = 4;
const ISA_NUM_IRQS = 16;
const PIIX_PIRQCA = 0x60;
const PIIX_RCR_IOPORT = 0xcf9;
const RCPU = 4;
const SRST = 2;

/** What PIIX registers hold after a reset, by offset; the rest keep what they had. Source: piix_reset. */
const RESET_VALUES: readonly (readonly [at: number, bytes: readonly number[]])[] = [
  [0x04, [0x07, 0x00, 0x00, 0x02]],
  [0x4c, [0x4d]],
  [0x4e, [0x03, 0x00]],
  [0x60, [0x80, 0x80, 0x80, 0x80]],
  [0x69, [0x02]],
  [0x70, [0x80]],
  [0x76, [0x0c, 0x0c, 0x02, 0x00]],
  [0x80, [0x00]],
  [0x82, [0x00]],
  [0xa0, [0x08]],
  [0xa2, [0, 0, 0, 0, 0, 0, 0x0f]],
  [0xaa, [0, 0, 0]],
  [0xae, [0x00]]
];

export interface PIIXWiring {
  /** The sixteen inputs of the interrupt controllers. */
  readonly isaIrqs: readonly Irq[];
  readonly ports: IOPortSpace;
  /** Port cf9 was asked to reset the machine. */
  readonly resetRequest: () => void;
}

/** The PCI to ISA bridge of the i440FX machine: turns PCI interrupts into ISA ones. */
export class PIIX3 implements PIIXState, Device, PCIIrqRouting {
  readonly vmsd = vmstate_piix3;
  readonly idstr: string;
  readonly dev: PCIFunction;
  readonly nirq = PIIX_NUM_PIRQS;
  pci_irq_levels_vmstate = [0, 0, 0, 0];
  rcr = 0;
  readonly #bus: PCIRootBus;
  readonly #isaIrqs: readonly Irq[];
  /** For each ISA interrupt, a bit for each PIRQ that asserts it. */
  readonly #picLevels = new Uint8Array(ISA_NUM_IRQS);

  constructor(bus: PCIRootBus, devfn: number, { isaIrqs, ports, resetRequest }: PIIXWiring) {
    this.#bus = bus;
    this.#isaIrqs = isaIrqs;
    this.dev = new PCIFunction(bus, devfn, {
      name: 'PIIX3',
      vendor_id: 0x8086,
      device_id: 0x7000,
      class_id: 0x0601,
      multifunction: true,
      hotpluggable: false
    });
    this.idstr = `${this.dev.path}/${vmstate_piix3.name}`;
    this.dev.onConfigWrite((addr, _value, length) => {
      if (overlaps(addr, length, PIIX_PIRQCA, PIIX_NUM_PIRQS)) this.#routingChanged();
    });
    const rcr = MemoryRegion.io('piix-reset-control', 1, {
      impl: { min: 1, max: 1 },
      read: () => this.rcr,
      write: (_addr, value) => {
        if (value & RCPU) resetRequest();
        else this.rcr = value & SRST;
      }
    });
    ports.register(PIIX_RCR_IOPORT, rcr, 1);
    bus.setRouting(this);
  }

  /** Source: hw/i386/pc_piix.c pc_pci_slot_get_pirq. */
  mapIrq(device: PCIFunction, pin: number): number {
    return (pin + device.slot - 1) & 3;
  }

  setIrq(pirq: number, level: number): void {
    const irq = this.#setLevel(pirq, level);
    if (irq !== undefined) this.#drive(irq);
  }

  reset(): void {
    for (const [at, bytes] of RESET_VALUES) this.dev.config.set(bytes, at);
    this.#picLevels.fill(0);
    this.rcr = 0;
    this.dev.reset();
  }

  preSave(): void {
    this.pci_irq_levels_vmstate = this.pci_irq_levels_vmstate.map((_, pirq) => this.#bus.irqLevel(pirq));
  }

  preLoad(): void {
    this.rcr = 0;
  }

  /** The levels are known here without being driven: the interrupt controllers bring their own state. */
  postLoad(): string | undefined {
    this.#picLevels.fill(0);
    for (let pirq = 0; pirq < PIIX_NUM_PIRQS; pirq++) this.#setLevel(pirq, this.#bus.irqLevel(pirq));
    return this.dev.postLoad();
  }

  /** Returns the ISA interrupt that a PIRQ is routed to. */
  #setLevel(pirq: number, level: number): number | undefined {
    const irq = this.dev.config[PIIX_PIRQCA + pirq]!;
    if (irq >= ISA_NUM_IRQS) return undefined;
    if (level) this.#picLevels[irq]! |= 1 << pirq;
    else this.#picLevels[irq]! &= ~(1 << pirq);
    return irq;
  }

  #drive(irq: number): void {
    this.#isaIrqs[irq]?.(this.#picLevels[irq] ? 1 : 0);
  }

  /** Source: piix_write_config, piix_update_pci_irq_levels. */
  #routingChanged(): void {
    this.#picLevels.fill(0);
    for (let pirq = 0; pirq < PIIX_NUM_PIRQS; pirq++) this.setIrq(pirq, this.#bus.irqLevel(pirq));
    for (let irq = 0; irq < ISA_NUM_IRQS; irq++) this.#drive(irq);
  }
}
