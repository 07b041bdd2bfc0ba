/** The map of a PC's memory that its firmware is given. Source: QEMU hw/i386/e820_memory_layout.c, hw/i386/pc.c pc_memory_init. */

/** A stretch of guest-physical memory. */
export interface E820Entry {
  readonly address: number;
  readonly length: number;
  readonly type: number;
}
/** Source: ACPI 6.5 table 15.5. */
export const E820 = { ram: 1, reserved: 2 } as const;

export interface E820Options {
  /** Bytes of RAM; those from `lowmem` on lie above 4 GiB. */
  readonly memory: number;
  readonly lowmem: number;
  /** The CPU is AMD's, where HyperTransport keeps addresses for itself; machine types before 7.1 do not say so. */
  readonly hyperTransport: boolean;
}

const FOUR_GIB = 2 ** 32;
const HYPER_TRANSPORT: E820Entry = { address: 0xfd_0000_0000, length: 0x3_0000_0000, type: E820.reserved };
const ENTRY_BYTES = 20;

export function e820Entries({ memory, lowmem, hyperTransport }: E820Options): readonly E820Entry[] {
  const below = Math.min(memory, lowmem);
  return [
    ...(hyperTransport ? [HYPER_TRANSPORT] : []),
    { address: 0, length: below, type: E820.ram },
    ...(memory > below ? [{ address: FOUR_GIB, length: memory - below, type: E820.ram }] : [])
  ];
}

/** As the file etc/e820 has them, and Linux's boot_params. */
export function e820Bytes(entries: readonly E820Entry[]): Uint8Array {
  const bytes = new Uint8Array(ENTRY_BYTES * entries.length);
  const view = new DataView(bytes.buffer);
  entries.forEach(({ address, length, type }, i) => {
    view.setBigUint64(ENTRY_BYTES * i, BigInt(address), true);
    view.setBigUint64(ENTRY_BYTES * i + 8, BigInt(length), true);
    view.setUint32(ENTRY_BYTES * i + 16, type, true);
  });
  return bytes;
}
