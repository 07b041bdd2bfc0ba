/**
 * The 64 Ki I/O ports. They are an address space like any other, in which unassigned ports read all ones; old ISA
 * devices declare theirs as a table. Source: QEMU system/ioport.c, include/exec/ioport.h.
 */
import { readDevice, writeDevice } from './memory-access.ts';
import { AddressSpace, MemoryRegion, type MemoryRegionOps } from './memory.ts';

const PORTS = 0x10000;

/** Ports `offset` to `offset + len - 1` for accesses of exactly `size` bytes. Callbacks get the whole port number. */
export interface MemoryRegionPortio {
  readonly offset: number;
  readonly len: number;
  readonly size: 1 | 2 | 4;
  readonly read?: (port: number) => number;
  readonly write?: (port: number, value: number) => void;
}

const unassigned_io_ops: MemoryRegionOps = { read: () => 0xffff_ffff, write: () => {} };

export class IOPortSpace {
  readonly root: MemoryRegion = MemoryRegion.io('io', PORTS, unassigned_io_ops);
  readonly space: AddressSpace = new AddressSpace('I/O', this.root);

  /**
   * IN of a CPU: 1, 2 or 4 bytes, unsigned, of the region that the port belongs to. It gets the access as it is, and
   * where it does not take that size or place, it reads 0. Source: target/i386 helper_inw, memory_ldst.c.inc.
   */
  in(port: number, size: number): number {
    const { region, start, offset } = this.space.find(port)!;
    return readDevice(region, port - start + offset, size);
  }
  /** OUT of a CPU. */
  out(port: number, value: number, size: number): void {
    const { region, start, offset } = this.space.find(port)!;
    writeDevice(region, port - start + offset, value, size);
  }

  /** An access from elsewhere, split as regions want it: 1, 2 or 4 bytes, unsigned. Source: cpu_inw. */
  read(port: number, size: number): number {
    return this.space.read(port, size);
  }

  write(port: number, value: number, size: number): void {
    this.space.write(port, value, size);
  }

  /** Ports that a region answers for: devices with registers of their own sizes, PCI BARs. */
  register(port: number, region: MemoryRegion, priority = 0): MemoryRegion {
    this.root.addSubregion(port, region, priority);
    return region;
  }

  /**
   * Ports of an ISA device: one region for each stretch without holes.
   * @param table sorted by offset; several rows may name one port, for several sizes
   */
  registerList(port: number, name: string, table: readonly MemoryRegionPortio[]): MemoryRegion[] {
    return stretches(table).map(({ low, high, rows }) =>
      this.register(port + low, MemoryRegion.io(name, high - low, portioOps(port + low, port, rows)))
    );
  }
}

interface Stretch {
  readonly low: number;
  high: number;
  readonly rows: MemoryRegionPortio[];
}

/** Source: portio_list_add. */
function stretches(table: readonly MemoryRegionPortio[]): Stretch[] {
  const out: Stretch[] = [];
  for (const row of table) {
    const last = out.at(-1);
    const end = row.offset + row.len;
    // The last access reaches over its port, by the size that the first row has.
    const reach = (last && row.offset <= last.high ? last.rows[0]! : row).size - 1;
    if (last && row.offset <= last.high) {
      last.rows.push(row);
      if (end > last.high) last.high = end + reach;
    } else out.push({ low: row.offset, high: end + reach, rows: [row] });
  }
  return out;
}

/** Two bytes go to two 8-bit ports where no 16-bit one is; 4 bytes go nowhere then. Source: portio_read, portio_write. */
function portioOps(first: number, base: number, rows: readonly MemoryRegionPortio[]): MemoryRegionOps {
  const find = (port: number, size: number, way: 'read' | 'write'): MemoryRegionPortio | undefined =>
    rows.find((r) => {
      const offset = port - base - r.offset;
      return offset >= 0 && offset < r.len && r.size === size && r[way] !== undefined;
    });
  const lastOf = (row: MemoryRegionPortio): number => base + row.offset + row.len - 1;
  return {
    valid: { unaligned: true },
    impl: { unaligned: true },
    read(addr, size) {
      const port = first + addr;
      const row = find(port, size, 'read');
      if (row) return row.read!(port);
      const byte = size === 2 ? find(port, 1, 'read') : undefined;
      if (!byte) return 0xffff_ffff;
      const low = byte.read!(port) & 0xff;
      return low | (port < lastOf(byte) ? (byte.read!(port + 1) & 0xff) << 8 : 0xff00);
    },
    write(addr, value, size) {
      const port = first + addr;
      const row = find(port, size, 'write');
      if (row) return row.write!(port, value);
      const byte = size === 2 ? find(port, 1, 'write') : undefined;
      byte?.write!(port, value & 0xff);
      if (byte && port < lastOf(byte)) byte.write!(port + 1, value >> 8);
    }
  };
}
