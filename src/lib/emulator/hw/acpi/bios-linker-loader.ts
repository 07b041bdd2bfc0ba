/**
 * Commands by which the firmware puts tables into memory and joins them, and their doing where there is no firmware.
 * Source: QEMU hw/acpi/bios-linker-loader.c; SeaBIOS src/fw/romfile_loader.c.
 */
const ALLOCATE = 1;
const ADD_POINTER = 2;
const ADD_CHECKSUM = 3;
const COMMAND_BYTES = 128;
const FILE_NAME = 56;

/** Where a file goes: anywhere, or below 1 MiB where tables are searched for. */
export const ZONE = { high: 1, fseg: 2 } as const;

export class BiosLinker {
  readonly #commands: Uint8Array[] = [];

  /** @param write fills what is behind the command's number */
  #add(command: number, write: (view: DataView, name: (at: number, text: string) => void) => void): void {
    const bytes = new Uint8Array(COMMAND_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, command, true);
    write(view, (at, text) => bytes.set(new TextEncoder().encode(text).subarray(0, FILE_NAME - 1), at));
    this.#commands.push(bytes);
  }

  allocate(file: string, align: number, zone: number): void {
    this.#add(ALLOCATE, (view, name) => {
      name(4, file);
      view.setUint32(4 + FILE_NAME, align, true);
      view.setUint8(8 + FILE_NAME, zone);
    });
  }

  /** Adds a file's address to the number of so many bytes at a place of another, which holds an offset into it. */
  addPointer(into: string, at: number, size: number, to: string): void {
    this.#add(ADD_POINTER, (view, name) => {
      name(4, into);
      name(4 + FILE_NAME, to);
      view.setUint32(4 + 2 * FILE_NAME, at, true);
      view.setUint8(8 + 2 * FILE_NAME, size);
    });
  }

  /** Makes the bytes from `start` on add up to 0 by the one at `at`. */
  addChecksum(file: string, at: number, start: number, length: number): void {
    this.#add(ADD_CHECKSUM, (view, name) => {
      name(4, file);
      [at, start, length].forEach((value, i) => view.setUint32(4 + FILE_NAME + 4 * i, value, true));
    });
  }

  get bytes(): Uint8Array {
    const all = new Uint8Array(COMMAND_BYTES * this.#commands.length);
    this.#commands.forEach((command, i) => all.set(command, COMMAND_BYTES * i));
    return all;
  }
}

/**
 * Does what the commands say, as firmware does: tables are given places and joined.
 * @param files contents by name, changed in place
 * @param allocate gives a file its address
 * @returns addresses by name
 * @throws RangeError where a command names what is not there
 */
export function runLinker(
  commands: Uint8Array,
  files: ReadonlyMap<string, Uint8Array>,
  allocate: (name: string, size: number, align: number, zone: number) => number
): ReadonlyMap<string, number> {
  const addresses = new Map<string, number>();
  for (let at = 0; at + COMMAND_BYTES <= commands.length; at += COMMAND_BYTES) {
    const view = new DataView(commands.buffer, commands.byteOffset + at, COMMAND_BYTES);
    const number = (n: number): number => view.getUint32(n, true);
    const name = (n: number): string => {
      const bytes = commands.subarray(at + n, at + n + FILE_NAME);
      return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
    };
    const fileAt = (n: number): DataView => {
      const bytes = files.get(name(n));
      if (!bytes) throw new RangeError(`there is no file ${name(n)}`);
      return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    };
    switch (number(0)) {
      case ALLOCATE: {
        const { byteLength } = fileAt(4);
        addresses.set(name(4), allocate(name(4), byteLength, number(4 + FILE_NAME), view.getUint8(8 + FILE_NAME)));
        break;
      }
      case ADD_POINTER: {
        const to = addresses.get(name(4 + FILE_NAME));
        if (to === undefined) throw new RangeError(`${name(4 + FILE_NAME)} has no place yet`);
        addTo(fileAt(4), number(4 + 2 * FILE_NAME), view.getUint8(8 + 2 * FILE_NAME), to);
        break;
      }
      case ADD_CHECKSUM: {
        const [sumAt, start, length] = [0, 4, 8].map((n) => number(4 + FILE_NAME + n)) as [number, number, number];
        const file = fileAt(4);
        let sum = 0;
        for (let i = start; i < start + length; i++) sum += file.getUint8(i);
        file.setUint8(sumAt, file.getUint8(sumAt) - sum);
        break;
      }
    }
  }
  return addresses;
}

function addTo(file: DataView, at: number, size: number, value: number): void {
  if (size === 8) file.setBigUint64(at, file.getBigUint64(at, true) + BigInt(value), true);
  else file.setUint32(at, file.getUint32(at, true) + value, true);
}
