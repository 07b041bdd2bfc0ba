/** What kvm-unit-tests wants of a PC: memory behind ports and MMIO, interrupt lines to pull. Source: QEMU hw/misc/pc-testdev.c. */
import { MemoryRegion, type MemoryRegionOps } from '../../system/memory.ts';
import type { Irq } from '../core/irq.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';

const DATA_PORT = 0xe0;
const FLUSH_PORT = 0xe4;
const DATA_BYTE_PORT = 0xe8;
const IRQ_PORT = 0x2000;
const IRQ_PORTS = 24;
const IOMEM_BASE = 0xff00_0000;
const IOMEM_BYTES = 0x1_0000;

/** Sends nothing in a stream. */
export class PCTestdev implements Device {
  readonly idstr = 'pc-testdev';
  /** Four bytes behind ports 0xe0 to 0xe3 and 0xe8 to 0xeb. */
  readonly #data = new DataView(new ArrayBuffer(4));
  readonly #iomem = new DataView(new ArrayBuffer(IOMEM_BYTES));

  /**
   * @param mmio what MMIO is mapped into
   * @param isaIrqs lines that a byte written to port 0x2000 + n raises or lowers
   */
  constructor({ ports }: Pick<DeviceHost, 'ports'>, mmio: MemoryRegion, isaIrqs: readonly Irq[]) {
    ports.register(DATA_PORT, MemoryRegion.io('pc-testdev-ioport', 4, memoryOps(this.#data)));
    // QEMU takes a page's access rights away and gives them back, to have the host forget it; here nothing is to forget.
    const flush: MemoryRegionOps = { valid: { min: 4, max: 4 }, read: () => 0, write: () => {} };
    ports.register(FLUSH_PORT, MemoryRegion.io('pc-testdev-flush-page', 4, flush));
    const bytewise = { ...memoryOps(this.#data), valid: { min: 1, max: 4 }, impl: { min: 1, max: 1 } } as const;
    ports.register(DATA_BYTE_PORT, MemoryRegion.io('pc-testdev-ioport-byte', 4, bytewise));
    const lines: MemoryRegionOps = {
      valid: { min: 1, max: 1 },
      read: () => 0,
      write: (n, value) => isaIrqs[n]?.(value === 0 ? 0 : 1)
    };
    ports.register(IRQ_PORT, MemoryRegion.io('pc-testdev-irq-line', IRQ_PORTS, lines));
    mmio.addSubregion(IOMEM_BASE, MemoryRegion.io('pc-testdev-iomem', IOMEM_BYTES, memoryOps(this.#iomem)));
  }
}

const memoryOps = (bytes: DataView): MemoryRegionOps => ({
  read: (at, size) =>
    size === 1 ? bytes.getUint8(at) : size === 2 ? bytes.getUint16(at, true) : bytes.getUint32(at, true),
  write: (at, value, size) => {
    if (size === 1) bytes.setUint8(at, value);
    else if (size === 2) bytes.setUint16(at, value, true);
    else bytes.setUint32(at, value, true);
  }
});
