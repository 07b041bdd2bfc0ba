/**
 * Commands by which the firmware puts tables into memory and joins them. Source: QEMU hw/acpi/bios-linker-loader.c.
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
