/**
 * Guest RAM behind -object memory-backend-file: a file that is read when the machine is made, and with share=on written
 * when it stops, so after a migration and at the end, too. Source: QEMU backends/hostmem-file.c, system/physmem.c file_ram_alloc.
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { isOn, sizeOf } from '../lib/vmstate/command-line.ts';
import { hex } from '../lib/vmstate/hex.ts';
import type { NamedSource } from '../lib/vmstate/outside-pages.ts';
import { PAGE } from '../lib/vmstate/page.ts';
import { OptionError } from '../lib/emulator/system/qemu-option.ts';
import type { RAMBlock } from '../lib/emulator/system/physmem.ts';
import type { MachineOptions } from '../lib/emulator/system/vl.ts';
import { fileSource, InputError } from './file-source.ts';
import { reason } from './migration-uri.ts';

/** What is read at once, in bytes. */
const PIECE = 1 << 20;

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

export class MemoryFile {
  readonly #path: string;
  readonly #fd: number;
  readonly #shared: boolean;
  readonly #size: number;

  /** A file that is not there is made. @param size bytes of RAM; @throws InputError */
  constructor(path: string, shared: boolean, size: number) {
    this.#path = path;
    this.#shared = shared;
    this.#size = size;
    const refused = (message: string): InputError =>
      new InputError(`can't open backing store ${path} for guest RAM: ${message}`);
    try {
      this.#fd = openSync(path, shared ? constants.O_RDWR | constants.O_CREAT : constants.O_RDONLY);
    } catch (error) {
      throw refused(reason(error as NodeJS.ErrnoException));
    }
    const stats = fstatSync(this.#fd);
    if (!stats.isFile()) throw refused('it is no file');
    if (stats.size > 0 && stats.size < size)
      throw new InputError(`backing store size ${hex(stats.size)} does not match 'size' option ${hex(size)}`);
    if (stats.size === 0 && shared) ftruncateSync(this.#fd, size);
  }

  /** For a stream that leaves its pages to the file (x-ignore-shared). */
  get source(): NamedSource {
    return { name: this.#path, source: fileSource(this.#fd, this.#size) };
  }

  /** Fills RAM that is all zeros. */
  read(block: RAMBlock): void {
    const piece = Buffer.alloc(PIECE);
    for (let at = 0; at < block.used_length; at += PIECE) {
      const length = readSync(this.#fd, piece, 0, Math.min(PIECE, block.used_length - at), at);
      for (let page = 0; page < length; page += PAGE) {
        const bytes = piece.subarray(page, Math.min(page + PAGE, length));
        if (!isZero(bytes)) block.write(at + page, bytes);
      }
    }
  }

  /** @throws InputError */
  write(block: RAMBlock): void {
    if (!this.#shared) return;
    try {
      const there = Buffer.alloc(PAGE);
      for (let at = 0; at < block.used_length; at += PAGE) {
        // Holes stay holes.
        const zero = block.isZeroPage(at) && readSync(this.#fd, there, 0, PAGE, at) && isZero(there);
        if (!zero) writeSync(this.#fd, block.bytes(at, PAGE), 0, PAGE, at);
      }
    } catch (error) {
      throw new InputError(`cannot write RAM to ${this.#path}: ${reason(error as NodeJS.ErrnoException)}`);
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** The file that the machine's memory backend names; undefined where it has none. @throws InputError, OptionError */
export function memoryFileOf({ machineProperties, objects }: MachineOptions): MemoryFile | undefined {
  const id = machineProperties.get('memory-backend');
  const backend = objects.find((object) => object.id === id);
  const size = sizeOf(backend?.properties.get('size'), 1);
  if (backend?.driver !== 'memory-backend-file' || size === undefined) return undefined;
  const path = backend.properties.get('mem-path');
  if (path === undefined) throw new OptionError(`-object memory-backend-file,id=${id}: mem-path property not set`);
  return new MemoryFile(path, isOn(backend.properties.get('share')) ?? false, size);
}
