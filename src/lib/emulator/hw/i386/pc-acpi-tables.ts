/**
 * The ACPI tables of a PC as the firmware gets them: one file of tables, the pointer to them, and the commands that join
 * both. Source: QEMU hw/i386/acpi-build.c acpi_build, hw/i386/acpi-common.c; ACPI 1.0b and 6.5 chapter 5.
 */
import { BiosLinker, ZONE } from '../acpi/bios-linker-loader.ts';
import { dsdtBody, type DsdtOptions } from './pc-dsdt.ts';

export const TABLE_FILE = 'etc/acpi/tables';
export const LOADER_FILE = 'etc/table-loader';
export const RSDP_FILE = 'etc/acpi/rsdp';

export interface AcpiOptions extends DsdtOptions {
  /** First port of the PM registers, as the firmware has placed it. */
  readonly pmBase: number;
  readonly gpeBase: number;
}
export interface AcpiTables {
  readonly tables: Uint8Array;
  readonly loader: Uint8Array;
  readonly rsdp: Uint8Array;
}

/** A number of 1, 2, 4 or 8 bytes at an offset of a table. */
type Field = readonly [at: number, bytes: 1 | 2 | 4 | 8, value: number];

const HEADER = 36;
const CHECKSUM = 9;
const OEM_ID = 'BOCHS ';
const OEM_TABLE_ID = 'BXPC    ';
const APIC_ADDRESS = 0xfee0_0000;
const IOAPIC_ADDRESS = 0xfec0_0000;
const HPET_ID = 0x8086_a201;
/** Interrupts that PCI devices are routed to: level-triggered, active high. */
const LEVEL_HIGH = 0x0d;
const PCI_IRQS = [5, 9, 10, 11];

function put(bytes: Uint8Array, fields: readonly Field[]): void {
  for (const [at, size, value] of fields) {
    for (let i = 0; i < size; i++) bytes[at + i] = Math.floor(value / 2 ** (8 * i)) & 0xff;
  }
}
const ascii = (bytes: Uint8Array, at: number, text: string): void => bytes.set(new TextEncoder().encode(text), at);

/** Header and zeros up to `length`, with fields at their offsets from the header's beginning. */
function table(signature: string, revision: number, length: number, fields: readonly Field[] = []): Uint8Array {
  const bytes = new Uint8Array(length);
  ascii(bytes, 0, signature);
  ascii(bytes, 10, OEM_ID);
  ascii(bytes, 16, OEM_TABLE_ID);
  ascii(bytes, 28, 'BXPC');
  put(bytes, [[4, 4, length], [8, 1, revision], [24, 4, 1], [32, 4, 1], ...fields]);
  return bytes;
}

const facs = (): Uint8Array => {
  const bytes = new Uint8Array(64);
  ascii(bytes, 0, 'FACS');
  put(bytes, [[4, 4, 64]]);
  return bytes;
};

/** Places of other tables' addresses in the FADT and in the RSDT. */
const FADT_FACS = 36;
const FADT_DSDT = 40;

/** Fixed hardware, in the form of ACPI 1.0. Source: build_fadt, init_common_fadt_data. */
const fadt = ({ pmBase, gpeBase }: AcpiOptions): Uint8Array =>
  table('FACP', 1, 116, [
    [44, 1, 1], // both 8259s are there
    [46, 2, 9], // SCI
    [48, 4, 0xb2], // SMI command port
    [52, 1, 0xf1],
    [53, 1, 0xf0], // ACPI on, ACPI off
    [56, 4, pmBase], // PM1 events, control, timer, GPE0
    [64, 4, pmBase + 4],
    [76, 4, pmBase + 8],
    [80, 4, gpeBase],
    [88, 1, 4],
    [89, 1, 2],
    [91, 1, 4],
    [92, 1, 4],
    [96, 2, 0xfff],
    [98, 2, 0xfff], // no C2, no C3
    [108, 1, 0x32], // century in CMOS
    [112, 4, 0x80a5] // WBINVD, C1, no sleep button, RTC wakes from S4, 32-bit timer
  ]);

/** Interrupt controllers. Source: acpi_build_madt. */
function madt(): Uint8Array {
  const override = (source: number, gsi: number, flags: number): number[] => [2, 10, 0, source, gsi, 0, 0, 0, flags, 0];
  const entries = [
    [0, 8, 0, 0, 1, 0, 0, 0],
    [1, 12, 0, 0, 0, 0, (IOAPIC_ADDRESS >>> 16) & 0xff, IOAPIC_ADDRESS >>> 24, 0, 0, 0, 0],
    override(0, 2, 0),
    ...PCI_IRQS.map((irq) => override(irq, irq, LEVEL_HIGH)),
    [4, 6, 0xff, 0, 0, 1] // NMI at LINT1 of every APIC
  ].flat();
  const bytes = table('APIC', 3, HEADER + 8 + entries.length, [
    [36, 4, APIC_ADDRESS],
    [40, 4, 1]
  ]);
  bytes.set(entries, HEADER + 8);
  return bytes;
}

const hpetTable = (at: number): Uint8Array =>
  table('HPET', 1, 56, [
    [36, 4, HPET_ID],
    [44, 8, at]
  ]);

/** Timers need no workarounds. Source: build_waet. */
const waet = (): Uint8Array => table('WAET', 1, 40, [[36, 4, 2]]);

/** Source: acpi_build. */
export function acpiBuild(options: AcpiOptions): AcpiTables {
  const linker = new BiosLinker();
  linker.allocate(RSDP_FILE, 16, ZONE.fseg);
  linker.allocate(TABLE_FILE, 64, ZONE.high);
  const blob: number[] = [];
  const add = (bytes: Uint8Array): number => {
    const at = blob.length;
    blob.push(...bytes);
    return at;
  };
  const sum = (at: number): number => {
    const length = blob.length - at;
    linker.addChecksum(TABLE_FILE, at + CHECKSUM, at, length);
    return at;
  };
  const point = (bytes: Uint8Array, at: number, to: number): void => put(bytes, [[at, 4, to]]);

  const facsAt = add(facs());
  const body = dsdtBody(options);
  const dsdt = table('DSDT', 1, HEADER + body.length);
  dsdt.set(body, HEADER);
  const dsdtAt = sum(add(dsdt));
  const fixed = fadt(options);
  point(fixed, FADT_FACS, facsAt);
  point(fixed, FADT_DSDT, dsdtAt);
  const fadtAt = add(fixed);
  for (const at of [FADT_FACS, FADT_DSDT]) linker.addPointer(TABLE_FILE, fadtAt + at, 4, TABLE_FILE);
  sum(fadtAt);
  const tables = [fadtAt, sum(add(madt()))];
  if (options.hpet !== undefined) tables.push(sum(add(hpetTable(options.hpet))));
  tables.push(sum(add(waet())));

  const rsdt = table('RSDT', 1, HEADER + 4 * tables.length);
  tables.forEach((at, i) => point(rsdt, HEADER + 4 * i, at));
  const rsdtAt = add(rsdt);
  tables.forEach((_, i) => linker.addPointer(TABLE_FILE, rsdtAt + HEADER + 4 * i, 4, TABLE_FILE));
  sum(rsdtAt);

  const rsdp = new Uint8Array(20);
  ascii(rsdp, 0, 'RSD PTR ');
  ascii(rsdp, 9, OEM_ID);
  point(rsdp, 16, rsdtAt);
  linker.addPointer(RSDP_FILE, 16, 4, TABLE_FILE);
  linker.addChecksum(RSDP_FILE, 8, 0, rsdp.length);
  return { tables: Uint8Array.from(blob), loader: linker.bytes, rsdp };
}
