/** The IDE function of PIIX3 and PIIX4. Source: QEMU hw/ide/piix.c; 82371SB datasheet 2.3. */
import { MemoryRegion } from '../../system/memory.ts';
import type { Irq } from '../core/irq.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';
import { reg16 } from '../core/register.ts';
import type { PCIRootBus } from '../pci/pci_bus.ts';
import { BAR_SPACE_IO, PCIFunction } from '../pci/pci_device.ts';
import { IDEChannel } from './ide-bus.ts';
import type { IDEDrive } from './ide-dev.ts';
import type { IDEDriveOptions } from './ide-registers.ts';
import { BMDMA, vmstateIdePci, type PCIIDEState } from './pci.ts';

const IDETIM = {
  radix: 16 as const,
  bits: [
    { name: 'TIME0', bit: 0 },
    { name: 'IE0', bit: 1 },
    { name: 'PPE0', bit: 2 },
    { name: 'DTE0', bit: 3 },
    { name: 'TIME1', bit: 4 },
    { name: 'IE1', bit: 5 },
    { name: 'PPE1', bit: 6 },
    { name: 'DTE1', bit: 7 },
    { name: 'RTC', bit: 8, width: 2, doc: 'recovery time' },
    { name: 'ISP', bit: 12, width: 2, doc: 'sample point' },
    { name: 'SITRE', bit: 14 },
    { name: 'IDE', bit: 15, doc: 'the channel answers at its ports' }
  ]
};

export const vmstate_ide_pci = vmstateIdePci([
  reg16(0x40, 'IDETIM_primary', IDETIM),
  reg16(0x42, 'IDETIM_secondary', IDETIM)
]);

const CLASS_PROG = 0x09;
/** Both channels at their old ports, with bus mastering. */
const LEGACY_MODE = 0x80;
const BMIBA = 4;
const CHANNELS = [
  { base: 0x1f0, control: 0x3f6, irq: 14 },
  { base: 0x170, control: 0x376, irq: 15 }
] as const;

export interface PIIXIDEOptions {
  readonly host: Pick<DeviceHost, 'ports' | 'clocks'>;
  /** The sixteen inputs of the interrupt controllers. */
  readonly isaIrqs: readonly Irq[];
  /** First and second drive of the primary channel, then of the secondary. */
  readonly drives: readonly (IDEDriveOptions | undefined)[];
}

export class PIIX3IDE implements PCIIDEState, Device {
  readonly vmsd = vmstate_ide_pci;
  readonly idstr: string;
  readonly parent_obj: PCIFunction;
  readonly bmdma: BMDMA[];
  readonly bus: IDEChannel[];

  constructor(bus: PCIRootBus, devfn: number, { host, isaIrqs, drives }: PIIXIDEOptions) {
    this.parent_obj = new PCIFunction(bus, devfn, {
      name: 'piix3-ide',
      vendor_id: 0x8086,
      device_id: 0x7010,
      class_id: 0x0101,
      hotpluggable: false
    });
    this.idstr = `${this.parent_obj.path}/ide`;
    this.parent_obj.config[CLASS_PROG] = LEGACY_MODE;
    const bar = MemoryRegion.container('piix-bmdma-container', 16);
    this.bmdma = CHANNELS.map(({ irq }) => new BMDMA(this.parent_obj.dma, isaIrqs[irq]!));
    this.bus = CHANNELS.map(({ base, control }, i) => {
      const dma = this.bmdma[i]!;
      const channel = new IDEChannel({
        ...{ clock: host.clocks.virtual, irq: dma.irq, dma },
        drives: drives.slice(2 * i, 2 * i + 2),
        firstNumber: 2 * i + 1
      });
      channel.addPorts(host.ports, base, control);
      dma.addPorts(bar, 8 * i, () => channel);
      return channel;
    });
    this.parent_obj.registerBar(BMIBA, BAR_SPACE_IO, bar);
  }

  /** Source: piix_ide_reset. */
  reset(): void {
    this.bus.forEach((channel, i) => {
      channel.reset();
      this.bmdma[i]!.reset();
    });
    this.parent_obj.config.set([0x00, 0x00, 0x80, 0x02], 0x04);
    this.parent_obj.reset();
  }

  preSave(): void {
    for (const [i, channel] of this.bus.entries()) {
      channel.preSave();
      this.bmdma[i]!.preSave(channel);
    }
  }

  preLoad(): void {
    for (const channel of this.bus) channel.preLoad();
    for (const bmdma of this.bmdma) bmdma.preLoad();
  }

  postLoad(): string | undefined {
    let refusal = this.parent_obj.postLoad();
    for (const [i, channel] of this.bus.entries()) {
      this.bmdma[i]!.postLoad(channel);
      refusal ??= channel.postLoad();
    }
    return refusal;
  }

  saveLocal(): readonly unknown[] {
    return this.#drives().map((drive) => drive.saveLocal());
  }
  loadLocal(values: readonly unknown[]): void {
    for (const [i, drive] of this.#drives().entries()) drive.loadLocal(values[i]);
  }
  #drives(): readonly IDEDrive[] {
    return this.bus.flatMap((channel) => channel.ifs);
  }

  vmStateChange(running: boolean): void {
    for (const channel of this.bus) channel.vmStateChange(running);
  }
}
