/** The health that a disk reports: always good. Source: QEMU hw/ide/core.c cmd_smart; ATA8-ACS 7.52. */
import type { IDEDrive } from './ide-dev.ts';

/** Id, flags (2), value, worst, raw (6), threshold. */
const ATTRIBUTES: readonly (readonly number[])[] = [
  [0x01, 0x03, 0x00, 0x64, 0x64, 0, 0, 0, 0, 0, 0, 0x06],
  [0x03, 0x03, 0x00, 0x64, 0x64, 0x10, 0, 0, 0, 0, 0, 0],
  [0x04, 0x02, 0x00, 0x64, 0x64, 0x64, 0, 0, 0, 0, 0, 0x14],
  [0x05, 0x03, 0x00, 0x64, 0x64, 0, 0, 0, 0, 0, 0, 0x24],
  [0x09, 0x03, 0x00, 0x64, 0x64, 0x01, 0, 0, 0, 0, 0, 0],
  [0x0c, 0x03, 0x00, 0x64, 0x64, 0, 0, 0, 0, 0, 0, 0],
  [0xbe, 0x03, 0x00, 0x45, 0x45, 0x1f, 0, 0x1f, 0x1f, 0, 0, 0x32]
];
const READ_DATA = 0xd0;
const READ_THRESH = 0xd1;
const ATTR_AUTOSAVE = 0xd2;
const EXECUTE_OFFLINE = 0xd4;
const READ_LOG = 0xd5;
const ENABLE = 0xd8;
const DISABLE = 0xd9;
const STATUS = 0xda;
/** Self tests that the log remembers. */
const MOST_TESTS = 21;
const TEST_SIZE = 24;

/** 512 bytes of which the last one makes the sum 0. */
function table(fill: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = new Uint8Array(512);
  fill(bytes);
  bytes[511] = -bytes.subarray(0, 511).reduce((sum, byte) => sum + byte, 0) & 0xff;
  return bytes;
}

/** Not in the stream, as in QEMU: a loaded disk has forgotten its tests. */
export class IDESmart {
  #enabled = true;
  #autosave = true;
  #tests = 0;
  readonly #log = new Uint8Array(512);

  /** To come back to. */
  get state(): readonly [enabled: boolean, autosave: boolean, tests: number, log: Uint8Array] {
    return [this.#enabled, this.#autosave, this.#tests, this.#log.slice()];
  }
  set state([enabled, autosave, tests, log]: IDESmart['state']) {
    this.#enabled = enabled;
    this.#autosave = autosave;
    this.#tests = tests;
    this.#log.set(log);
  }

  /** Returns 512 bytes to answer with, or whether the command was fine. */
  run(drive: IDEDrive): Uint8Array | boolean {
    if (drive.hcyl !== 0xc2 || drive.lcyl !== 0x4f) return false;
    if (!this.#enabled && drive.feature !== ENABLE) return false;
    switch (drive.feature) {
      case ENABLE:
      case DISABLE:
        this.#enabled = drive.feature === ENABLE;
        return true;
      case ATTR_AUTOSAVE:
        if (drive.sector !== 0x00 && drive.sector !== 0xf1) return false;
        this.#autosave = drive.sector === 0xf1;
        return true;
      case STATUS:
        return true;
      case READ_THRESH:
        return table((bytes) => {
          bytes[0] = 1;
          ATTRIBUTES.forEach((row, i) => bytes.set([row[0]!, row[11]!], 2 + 12 * i));
        });
      case READ_DATA:
        return this.#data();
      case READ_LOG:
        return this.#readLog(drive.sector);
      case EXECUTE_OFFLINE:
        return this.#test(drive.sector);
      default:
        return false;
    }
  }

  #data(): Uint8Array {
    return table((bytes) => {
      bytes[0] = 1;
      ATTRIBUTES.forEach((row, i) => bytes.set(row.slice(0, 11), 2 + 12 * i));
      bytes[362] = 0x02 | (this.#autosave ? 0x80 : 0);
      bytes[363] = this.#tests === 0 ? 0 : this.#log[3 + (this.#tests - 1) * TEST_SIZE]!;
      bytes.set([0x20, 0x01, 0, 0x19, 0x03, 0, 0x01, 0, 0x02, 0x36, 0x01], 364);
    });
  }

  #readLog(which: number): Uint8Array | boolean {
    if (which !== 0x01 && which !== 0x06) return false;
    return table((bytes) => {
      bytes[0] = 1;
      if (which === 0x01 || this.#tests === 0) return;
      bytes[508] = this.#tests;
      bytes.set(this.#log.subarray(2, 506), 2);
    });
  }

  #test(kind: number): boolean {
    if (kind > 2) return false;
    this.#tests = this.#tests >= MOST_TESTS ? 1 : this.#tests + 1;
    this.#log.set([kind, 0x00, 0x34, 0x12], 2 + (this.#tests - 1) * TEST_SIZE);
    return true;
  }
}
