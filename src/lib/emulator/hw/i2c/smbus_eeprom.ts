/** The memory of a memory module, 256 bytes that tell its size. Source: QEMU hw/i2c/smbus_eeprom.c, smbus_slave.c. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { bool, buffer, i32, u8 } from '../../../vmstate/vmstate-types.ts';
import type { Device } from '../core/qdev.ts';
import { vmstate_i2c_slave, type I2CDevice, type I2CEvent, type I2CSlave } from './core.ts';

const SIZE = 256;
/** SMBUS_DATA_MAX_LEN: a command, a length and 32 bytes. */
const MOST_DATA = 34;

const MODE = { IDLE: 0, WRITE_DATA: 1, READ_DATA: 2, DONE: 3, CONFUSED: -1 } as const;

interface SMBusDevice {
  i2c: I2CSlave;
  mode: number;
  data_len: number;
  data_buf: Uint8Array;
}
export interface SMBusEEPROMState {
  smbusdev: SMBusDevice;
  data: Uint8Array;
  offset: number;
  accessed: boolean;
}

const smbus = fieldsOf<SMBusDevice>();
const vmstate_smbus_device: VMStateDescription<SMBusDevice> = {
  name: 'smbus-device',
  version: 1,
  minimumVersion: 1,
  fields: [
    smbus('i2c', struct(vmstate_i2c_slave)),
    smbus('mode', i32, { values: { 0: 'idle', 1: 'written to', 2: 'read from', 3: 'done', [-1]: 'confused' } }),
    smbus('data_len', i32, { unit: 'bytes' }),
    smbus('data_buf', buffer(MOST_DATA, 'uint8'))
  ]
};

const eeprom = fieldsOf<SMBusEEPROMState>();
export const vmstate_smbus_eeprom: VMStateDescription<SMBusEEPROMState> = {
  name: 'smbus-eeprom',
  version: 1,
  minimumVersion: 1,
  doc: 'Sent by those that were accessed.',
  // Source: smbus_eeprom_vmstate_needed.
  needed: ({ accessed, smbusdev }) => accessed || smbusdev.mode !== MODE.IDLE,
  fields: [
    eeprom('smbusdev', struct(vmstate_smbus_device)),
    eeprom('data', buffer(SIZE, 'uint8')),
    eeprom('offset', u8, { doc: 'byte that is read next' }),
    eeprom('accessed', bool)
  ]
};

export class SMBusEEPROM implements SMBusEEPROMState, I2CDevice, Device {
  readonly idstr = 'smbus-eeprom';
  readonly vmsd = vmstate_smbus_eeprom;
  readonly instance: number;
  readonly address: number;
  smbusdev: SMBusDevice;
  data: Uint8Array;
  offset = 0;
  accessed = false;
  readonly #initial: Uint8Array;

  /** @param contents 256 bytes */
  constructor(instance: number, address: number, contents = new Uint8Array(SIZE)) {
    this.instance = instance;
    this.address = address;
    this.#initial = contents;
    this.data = contents.slice();
    this.smbusdev = { i2c: { address }, mode: MODE.IDLE, data_len: 0, data_buf: new Uint8Array(MOST_DATA) };
  }

  reset(): void {
    this.data = this.#initial.slice();
    this.offset = 0;
  }

  postLoad(): void {
    const { smbusdev } = this;
    smbusdev.data_len = Math.max(0, Math.min(smbusdev.data_len, MOST_DATA));
  }

  /** Source: smbus_i2c_event. */
  event(event: I2CEvent): void {
    const bus = this.smbusdev;
    switch (event) {
      case 'start-send':
        bus.mode = bus.mode === MODE.IDLE ? MODE.WRITE_DATA : MODE.CONFUSED;
        return;
      case 'start-recv':
        if (bus.mode === MODE.WRITE_DATA && bus.data_len > 0) this.#write();
        else if (bus.mode !== MODE.IDLE) {
          bus.mode = MODE.CONFUSED;
          return;
        }
        bus.mode = MODE.READ_DATA;
        return;
      case 'nack':
        if (bus.mode !== MODE.DONE) bus.mode = bus.mode === MODE.READ_DATA ? MODE.DONE : MODE.CONFUSED;
        return;
      case 'finish':
        if (bus.data_len > 0 && bus.mode === MODE.WRITE_DATA) this.#write();
        bus.mode = MODE.IDLE;
        bus.data_len = 0;
    }
  }

  send(byte: number): boolean {
    const bus = this.smbusdev;
    if (bus.mode === MODE.WRITE_DATA && bus.data_len < MOST_DATA) bus.data_buf[bus.data_len++] = byte;
    return true;
  }

  recv(): number {
    if (this.smbusdev.mode !== MODE.READ_DATA) {
      this.smbusdev.mode = MODE.CONFUSED;
      return 0xff;
    }
    this.accessed = true;
    const byte = this.data[this.offset]!;
    this.offset = (this.offset + 1) % SIZE;
    return byte;
  }

  /** The first byte is the place, the others go there. */
  #write(): void {
    const { data_buf, data_len } = this.smbusdev;
    this.accessed = true;
    this.offset = data_buf[0]!;
    for (const byte of data_buf.subarray(1, data_len)) {
      this.data[this.offset] = byte;
      this.offset = (this.offset + 1) % SIZE;
    }
  }
}
