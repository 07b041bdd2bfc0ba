/**
 * What the machine tells about itself in SMBIOS structures. Source: QEMU hw/smbios/smbios.c smbios_get_tables; SMBIOS
 * reference specification (DSP0134) 2.8 and 3.0.
 */

export interface SmbiosOptions {
  /** `Standard PC (i440FX + PIIX, 1996)`, `pc-i440fx-10.0`. */
  readonly product: string;
  readonly version: string;
  /** 16 bytes in the order of their text; zeros when absent. */
  readonly uuid?: Uint8Array | undefined;
  /** CPUID of leaf 1: EAX and EDX. */
  readonly cpuidVersion: number;
  readonly cpuidFeatures: number;
  /** Bytes of RAM, and where it lies. */
  readonly memory: number;
  readonly areas: readonly { readonly address: number; readonly length: number }[];
  /** Bytes of the largest memory module. */
  readonly moduleSize: number;
  /** Entry point of SMBIOS 3.0, else of 2.8. */
  readonly entryPoint64: boolean;
}
export interface SmbiosTables {
  readonly tables: Uint8Array;
  /** Entry point; address and checksums are the firmware's to fill in. */
  readonly anchor: Uint8Array;
}

/** A number of so many bytes, some bytes, or a text, which is put behind the structure. */
type Item = readonly [bytes: 1 | 2 | 4 | 8, value: number] | Uint8Array | string;

const MANUFACTURER = 'QEMU';
const NONE = '';
const KIB = 1024;
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const UINT32_MAX = 0xffff_ffff;
/** Values of QEMU's that say nothing in particular. */
const NO_HANDLE = 0xffff;
const NO_ERROR_HANDLE = 0xfffe;
const MEMORY_ARRAY = 0x1000;
const CPU_MHZ = 2000;
const MAX_MODULE_MIB = 0x7fff;
const MAX_ARRAY_KIB = 0x8000_0000;

const byte = (value: number): Item => [1, value];
const word = (value: number): Item => [2, value];
const dword = (value: number): Item => [4, value];
const qword = (value: number): Item => [8, value];

function little(size: number, value: number): number[] {
  return Array.from({ length: size }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 0xff);
}

/** A structure with its strings. */
function structure(type: number, handle: number, items: readonly Item[]): number[] {
  const strings: string[] = [];
  const body = items.flatMap((item) => {
    if (item instanceof Uint8Array) return [...item];
    if (typeof item !== 'string') return little(...item);
    if (item === NONE) return [0];
    return [strings.push(item)];
  });
  const texts = strings.flatMap((text) => [...new TextEncoder().encode(text), 0]);
  const end = strings.length === 0 ? [0, 0] : [0];
  return [type, body.length + 4, ...little(2, handle), ...body, ...texts, ...end];
}

/** The first three fields are little-endian from version 2.6 on. Source: smbios_encode_uuid. */
const encodeUuid = (uuid: Uint8Array): Uint8Array =>
  Uint8Array.from([3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15], (from) => uuid[from]!);

function structures(options: SmbiosOptions): number[][] {
  const { product, version, uuid, cpuidVersion, cpuidFeatures, memory, areas, moduleSize, entryPoint64 } = options;
  const modules = Math.ceil(memory / moduleSize);
  const kib = Math.ceil(memory / KIB);
  const arrayFits = kib < MAX_ARRAY_KIB;
  const system = structure(1, 0x100, [
    ...[MANUFACTURER, product, version, NONE],
    encodeUuid(uuid ?? new Uint8Array(16)),
    ...[byte(6), NONE, NONE] // power switch
  ]);
  const chassis = structure(3, 0x300, [
    ...[MANUFACTURER, byte(1), version, NONE, NONE], // other
    ...[byte(3), byte(3), byte(3), byte(2)], // safe, safe, safe, unknown
    ...[dword(0), byte(0), byte(0), byte(0), byte(0), NONE]
  ]);
  const processor = structure(4, 0x400, [
    ...['CPU 0', byte(3), byte(0xfe), MANUFACTURER, dword(cpuidVersion), dword(cpuidFeatures), version],
    ...[byte(0), word(0), word(CPU_MHZ), word(CPU_MHZ), byte(0x41), byte(1)], // in its socket, enabled
    ...[word(NO_HANDLE), word(NO_HANDLE), word(NO_HANDLE), NONE, NONE, NONE],
    ...[byte(1), byte(1), byte(1), word(2), word(1)],
    ...(entryPoint64 ? [word(1), word(1), word(1)] : [])
  ]);
  const array = structure(16, MEMORY_ARRAY, [
    ...[byte(1), byte(3), byte(6)], // other, system memory, multi-bit ECC
    ...[dword(arrayFits ? kib : MAX_ARRAY_KIB), word(NO_ERROR_HANDLE), word(modules), qword(arrayFits ? 0 : memory)]
  ]);
  const devices = Array.from({ length: modules }, (_, n) => {
    const size = n < modules - 1 ? moduleSize : memory - moduleSize * n;
    const mib = Math.ceil(size / MIB);
    const fits = mib < MAX_MODULE_MIB;
    return structure(17, 0x1100 + n, [
      ...[word(MEMORY_ARRAY), word(NO_ERROR_HANDLE), word(0xffff), word(0xffff), word(fits ? mib : MAX_MODULE_MIB)],
      ...[byte(9), byte(0), `DIMM ${n}`, NONE, byte(7), word(2), word(0), MANUFACTURER], // DIMM, RAM, other
      ...[NONE, NONE, NONE, byte(0), dword(fits ? 0 : mib), word(0), word(0), word(0), word(0)]
    ]);
  });
  const mapped = areas.map(({ address, length }, n) => {
    const last = address + length - 1;
    const fits = Math.floor(last / KIB) < UINT32_MAX;
    const [from, to] = fits ? [Math.floor(address / KIB), Math.floor(last / KIB)] : [UINT32_MAX, UINT32_MAX];
    return structure(19, 0x1300 + n, [
      ...[dword(from), dword(to), word(MEMORY_ARRAY), byte(1), qword(fits ? 0 : address), qword(fits ? 0 : last)]
    ]);
  });
  const boot = structure(32, 0x2000, [new Uint8Array(7)]);
  return [system, chassis, processor, array, ...devices, ...mapped, boot, structure(127, 0x7f00, [])];
}

/** Source: smbios_entry_point_setup. */
function entryPoint(wide: boolean, all: readonly number[][]): Uint8Array {
  const length = all.reduce((sum, one) => sum + one.length, 0);
  const text = (value: string): number[] => [...new TextEncoder().encode(value)];
  if (wide) {
    return Uint8Array.from([...text('_SM3_'), 0, 24, 3, 0, 0, 1, 0, ...little(4, length), ...little(8, 0)]);
  }
  const largest = Math.max(...all.map((one) => one.length));
  return Uint8Array.from([
    ...[...text('_SM_'), 0, 31, 2, 8, ...little(2, largest), 0, 0, 0, 0, 0, 0],
    ...[...text('_DMI_'), 0, ...little(2, length), ...little(4, 0), ...little(2, all.length), 0x28]
  ]);
}

export function smbiosTables(options: SmbiosOptions): SmbiosTables {
  const all = structures(options);
  return { tables: Uint8Array.from(all.flat()), anchor: entryPoint(options.entryPoint64, all) };
}

/** The entry point once its structures have an address: checksums over the whole and, in 2.8, over its second half. */
export function placeAnchor(anchor: Uint8Array, tables: number): Uint8Array {
  const placed = anchor.slice();
  const view = new DataView(placed.buffer);
  const wide = placed[3] === '3'.charCodeAt(0);
  const sum = (from: number): number => placed.subarray(from).reduce((total, value) => total + value, 0);
  if (wide) {
    view.setBigUint64(16, BigInt(tables), true);
    view.setUint8(5, -sum(0));
  } else {
    view.setUint32(24, tables, true);
    view.setUint8(21, -sum(16));
    view.setUint8(4, -sum(0));
  }
  return placed;
}

/** What the machine types say: entry point and largest memory module. Source: QEMU hw/i386/pc_piix.c. */
export const smbiosOfVersion = (version: number): Pick<SmbiosOptions, 'entryPoint64' | 'moduleSize'> => ({
  // Only those of QEMU 8.1 and 8.2 had the new entry point.
  entryPoint64: version >= 801 && version <= 802,
  moduleSize: version <= 900 ? 16 * GIB : version <= 1001 ? 2047 * KIB * GIB : 2 * KIB * GIB
});
