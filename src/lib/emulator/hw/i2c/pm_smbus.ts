/** The SMBus host controller of PIIX4 and ICH9. Source: QEMU hw/i2c/pm_smbus.c; ICH9 datasheet 19.2. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { bool, buffer, u32, u8 } from '../../../vmstate/vmstate-types.ts';
import { MemoryRegion } from '../../system/memory.ts';
import type { I2CBusModel } from './core.ts';

export interface PMSMBus {
  smb_stat: number;
  smb_ctl: number;
  smb_cmd: number;
  smb_addr: number;
  smb_data0: number;
  smb_data1: number;
  smb_index: number;
  smb_data: Uint8Array;
  smb_auxctl: number;
  smb_blkdata: number;
  i2c_enable: boolean;
  op_done: boolean;
  in_i2c_block_read: boolean;
  start_transaction_on_status_read: boolean;
}

const smb = fieldsOf<PMSMBus>();
/** QEMU calls it pmsmb_vmstate. */
export const vmstate_pmsmb: VMStateDescription<PMSMBus> = {
  name: 'pmsmb',
  version: 1,
  minimumVersion: 1,
  fields: [
    smb('smb_stat', u8, {
      bits: [
        { bit: 0, name: 'HOST_BUSY' },
        { bit: 1, name: 'INTR', doc: 'done' },
        { bit: 2, name: 'DEV_ERR' },
        { bit: 3, name: 'BUS_ERR' },
        { bit: 4, name: 'FAILED' },
        { bit: 5, name: 'SMBALERT' },
        { bit: 6, name: 'INUSE_STS' },
        { bit: 7, name: 'BYTE_DONE' }
      ]
    }),
    smb('smb_ctl', u8, {
      bits: [
        { bit: 0, name: 'INTREN', doc: 'interrupts' },
        { bit: 1, name: 'KILL' },
        {
          bit: 2,
          width: 3,
          name: 'protocol',
          values: {
            0: 'quick',
            1: 'byte',
            2: 'byte data',
            3: 'word data',
            4: 'process call',
            5: 'block',
            6: 'I2C block read'
          }
        },
        { bit: 5, name: 'LAST_BYTE' },
        { bit: 6, name: 'START' },
        { bit: 7, name: 'PEC_EN' }
      ]
    }),
    smb('smb_cmd', u8, { radix: 16 }),
    smb('smb_addr', u8, {
      bits: [
        { bit: 0, name: 'R/W', values: { 0: 'write', 1: 'read' } },
        { bit: 1, width: 7, name: 'address' }
      ]
    }),
    smb('smb_data0', u8, { radix: 16 }),
    smb('smb_data1', u8, { radix: 16 }),
    smb('smb_index', u32, { doc: 'next byte of a block' }),
    smb('smb_data', buffer(32, 'uint8'), { doc: 'block' }),
    smb('smb_auxctl', u8, {
      bits: [
        { bit: 0, name: 'PEC' },
        { bit: 1, name: 'BLK', doc: 'the block lies in a buffer' }
      ]
    }),
    smb('smb_blkdata', u8, { radix: 16 }),
    smb('i2c_enable', bool),
    smb('op_done', bool, { doc: 'last byte of a block was read' }),
    smb('in_i2c_block_read', bool),
    smb('start_transaction_on_status_read', bool, { doc: 'works around a BIOS that asks too early' })
  ]
};

const STS_HOST_BUSY = 0x01;
const STS_INTR = 0x02;
const STS_DEV_ERR = 0x04;
const STS_FAILED = 0x10;
const STS_BYTE_DONE = 0x80;
const CTL_INTREN = 0x01;
const CTL_KILL = 0x02;
const CTL_LAST_BYTE = 0x20;
const CTL_START = 0x40;
const CTL_RETURN_MASK = 0x1f;
const AUX_BLK = 0x02;
const AUX_MASK = 0x03;
const MAX_MESSAGE = 32;
const PROT = { QUICK: 0, BYTE: 1, BYTE_DATA: 2, WORD_DATA: 3, BLOCK: 5, I2C_BLOCK_READ: 6 } as const;

/** The controller's 64 ports. It is told to nobody that a transfer is done: the interrupt of PIIX4 is not wired. */
export class PMSMBusModel implements PMSMBus {
  smb_stat = 0;
  smb_ctl = 0;
  smb_cmd = 0;
  smb_addr = 0;
  smb_data0 = 0;
  smb_data1 = 0;
  smb_index = 0;
  smb_data: Uint8Array = new Uint8Array(MAX_MESSAGE);
  smb_auxctl: number;
  smb_blkdata = 0;
  i2c_enable = false;
  op_done = true;
  in_i2c_block_read = false;
  start_transaction_on_status_read = false;
  readonly io: MemoryRegion;
  readonly #bus: I2CBusModel;

  /** @param blockBuffer PIIX4 has the buffer for blocks always on */
  constructor(bus: I2CBusModel, blockBuffer: boolean) {
    this.#bus = bus;
    this.smb_auxctl = blockBuffer ? AUX_BLK : 0;
    this.io = MemoryRegion.io('pm-smbus', 64, {
      valid: { min: 1, max: 1 },
      read: (addr) => this.#read(addr),
      write: (addr, value) => this.#write(addr, value)
    });
  }

  get #protocol(): number {
    return (this.smb_ctl >> 2) & 7;
  }

  /** A device that is written a command and bytes. Source: smbus_write_byte, smbus_write_word, smbus_send_byte. */
  #sendBytes(...bytes: readonly number[]): boolean {
    if (!this.#bus.start(this.smb_addr >> 1, false)) return false;
    for (const byte of bytes) this.#bus.send(byte);
    this.#bus.end();
    return true;
  }

  /**
   * So many bytes of a device, after a command where there is one. Source: smbus_read_byte, smbus_read_word,
   * smbus_read_block.
   * @param count how many, or told by the first byte
   */
  #receive(command: number | undefined, count: number | 'told'): Uint8Array | undefined {
    const bus = this.#bus;
    const address = this.smb_addr >> 1;
    if (command !== undefined) {
      if (!bus.start(address, false)) return undefined;
      bus.send(command);
    }
    if (!bus.start(address, true)) {
      bus.end();
      return undefined;
    }
    const told = count === 'told' ? bus.recv() : count;
    const bytes = new Uint8Array(told > MAX_MESSAGE ? 0 : told);
    for (let i = 0; i < bytes.length; i++) bytes[i] = bus.recv();
    bus.nack();
    bus.end();
    return bytes;
  }

  #writeBlock(): boolean {
    const data = this.smb_data.subarray(0, Math.min(this.smb_data0, MAX_MESSAGE));
    return this.#sendBytes(this.smb_cmd, ...(this.i2c_enable ? [] : [data.length]), ...data);
  }

  /** Source: smb_transaction. */
  #transaction(): void {
    const fine = !(this.smb_stat & STS_DEV_ERR) && this.#transact();
    if (!fine) this.smb_stat |= STS_DEV_ERR;
  }

  #transact(): boolean {
    const read = (this.smb_addr & 1) !== 0;
    const done = (fine: boolean): boolean => {
      if (fine) this.smb_stat |= STS_INTR;
      return fine;
    };
    const received = (bytes: Uint8Array | undefined): boolean => {
      if (bytes) this.smb_data0 = bytes[0]!;
      if (bytes && bytes.length > 1) this.smb_data1 = bytes[1]!;
      return done(bytes !== undefined);
    };
    switch (this.#protocol) {
      case PROT.QUICK: {
        const there = this.#bus.start(this.smb_addr >> 1, read);
        if (there) this.#bus.end();
        return done(there);
      }
      case PROT.BYTE:
        return read ? received(this.#receive(undefined, 1)) : done(this.#sendBytes(this.smb_cmd));
      case PROT.BYTE_DATA:
        return read ? received(this.#receive(this.smb_cmd, 1)) : done(this.#sendBytes(this.smb_cmd, this.smb_data0));
      case PROT.WORD_DATA:
        return read
          ? received(this.#receive(this.smb_cmd, 2))
          : done(this.#sendBytes(this.smb_cmd, this.smb_data0, this.smb_data1));
      case PROT.I2C_BLOCK_READ:
        return this.#startI2cBlockRead();
      case PROT.BLOCK:
        return read ? this.#readBlock() : this.#startBlockWrite();
      default:
        return false;
    }
  }

  #startI2cBlockRead(): boolean {
    const bus = this.#bus;
    const address = this.smb_addr >> 1;
    if (!bus.start(address, false) || !bus.send(this.smb_data1) || !bus.start(address, true)) return false;
    this.in_i2c_block_read = true;
    this.smb_blkdata = bus.recv();
    this.op_done = false;
    this.smb_stat |= STS_HOST_BUSY | STS_BYTE_DONE;
    return true;
  }

  #readBlock(): boolean {
    const bytes = this.#receive(this.i2c_enable ? undefined : this.smb_cmd, this.i2c_enable ? MAX_MESSAGE : 'told');
    if (!bytes) return false;
    this.smb_data.set(bytes);
    this.smb_index = 0;
    this.op_done = false;
    if (this.smb_auxctl & AUX_BLK) this.smb_stat |= STS_INTR;
    else {
      this.smb_blkdata = this.smb_data[0]!;
      this.smb_stat |= STS_HOST_BUSY | STS_BYTE_DONE;
    }
    this.smb_data0 = bytes.length;
    return true;
  }

  #startBlockWrite(): boolean {
    const index = this.smb_index;
    this.smb_index = 0;
    if (!(this.smb_auxctl & AUX_BLK)) {
      this.op_done = false;
      this.smb_stat |= STS_HOST_BUSY | STS_BYTE_DONE;
      this.smb_data[0] = this.smb_blkdata;
      return true;
    }
    if (index !== this.smb_data0 || !this.#writeBlock()) return false;
    this.#finish();
    return true;
  }

  #finish(): void {
    this.op_done = true;
    this.smb_stat = (this.smb_stat | STS_INTR) & ~STS_HOST_BUSY;
  }

  /** The guest has taken, or brought, a byte of a block. */
  #nextByte(): void {
    const blockRead = this.in_i2c_block_read;
    const read = blockRead || (this.smb_addr & 1) !== 0;
    this.smb_index = (this.smb_index + 1) % MAX_MESSAGE;
    if (!read && this.smb_index === this.smb_data0) {
      if (this.#protocol === PROT.I2C_BLOCK_READ || !this.#writeBlock()) this.smb_stat |= STS_DEV_ERR;
      else this.#finish();
      return;
    }
    if (!read) this.smb_data[this.smb_index] = this.smb_blkdata;
    else this.smb_blkdata = blockRead ? this.#bus.recv() : this.smb_data[this.smb_index]!;
    if (!read || !(this.smb_ctl & CTL_LAST_BYTE)) {
      this.smb_stat |= STS_BYTE_DONE;
      return;
    }
    if (blockRead) {
      this.in_i2c_block_read = false;
      this.#bus.nack();
      this.#bus.end();
    }
    this.smb_index = 0;
    this.#finish();
  }

  #writeStatus(value: number): void {
    const byteDone = this.smb_stat & value & STS_BYTE_DONE;
    this.smb_stat &= ~(value & ~STS_HOST_BUSY);
    const byteByByte = !this.op_done && (this.in_i2c_block_read || !(this.smb_auxctl & AUX_BLK));
    if (byteDone && byteByByte) this.#nextByte();
  }

  #writeControl(value: number): void {
    this.smb_ctl = value & ~CTL_START;
    if (value & CTL_START) {
      if (!this.op_done) {
        this.smb_index = 0;
        this.op_done = true;
        if (this.in_i2c_block_read) {
          this.in_i2c_block_read = false;
          this.#bus.end();
        }
      }
      // Without the interrupt it happens when the status is read: a BIOS waits to see it busy first.
      this.start_transaction_on_status_read = !(this.smb_ctl & CTL_INTREN);
      if (this.start_transaction_on_status_read) this.smb_stat |= STS_HOST_BUSY;
      else this.#transaction();
    }
    if (this.smb_ctl & CTL_KILL) {
      this.op_done = true;
      this.smb_index = 0;
      this.smb_stat = (this.smb_stat | STS_FAILED) & ~STS_HOST_BUSY;
    }
  }

  #write(addr: number, value: number): void {
    switch (addr) {
      case 0x00:
        this.#writeStatus(value);
        return;
      case 0x02:
        this.#writeControl(value);
        return;
      case 0x03:
        this.smb_cmd = value;
        return;
      case 0x04:
        this.smb_addr = value;
        return;
      case 0x05:
        this.smb_data0 = value;
        return;
      case 0x06:
        this.smb_data1 = value;
        return;
      case 0x07:
        if (this.smb_auxctl & AUX_BLK) {
          this.smb_data[this.smb_index % MAX_MESSAGE] = value;
          this.smb_index = (this.smb_index % MAX_MESSAGE) + 1;
        } else this.smb_blkdata = value;
        return;
      case 0x0d:
        this.smb_auxctl = value & AUX_MASK;
    }
  }

  #readStatus(): number {
    const status = this.smb_stat;
    if (this.start_transaction_on_status_read) {
      this.start_transaction_on_status_read = false;
      this.smb_stat &= ~STS_HOST_BUSY;
      this.#transaction();
    }
    return status;
  }

  #readBlockData(): number {
    if (!(this.smb_auxctl & AUX_BLK) || this.in_i2c_block_read) return this.smb_blkdata;
    const byte = this.smb_data[this.smb_index % MAX_MESSAGE]!;
    this.smb_index = (this.smb_index % MAX_MESSAGE) + 1;
    if (!this.op_done && this.smb_index === this.smb_data0) {
      this.op_done = true;
      this.smb_index = 0;
      this.smb_stat &= ~STS_HOST_BUSY;
    }
    return byte;
  }

  #read(addr: number): number {
    switch (addr) {
      case 0x00:
        return this.#readStatus();
      case 0x02:
        return this.smb_ctl & CTL_RETURN_MASK;
      case 0x03:
        return this.smb_cmd;
      case 0x04:
        return this.smb_addr;
      case 0x05:
        return this.smb_data0;
      case 0x06:
        return this.smb_data1;
      case 0x07:
        return this.#readBlockData();
      case 0x0d:
        return this.smb_auxctl;
      default:
        return 0;
    }
  }
}
