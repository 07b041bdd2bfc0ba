/** An I2C bus and its devices. Source: QEMU hw/i2c/core.c. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { u8 } from '../../../vmstate/vmstate-types.ts';
import type { Device } from '../core/qdev.ts';

export interface I2CBus {
  saved_address: number;
}
const bus = fieldsOf<I2CBus>();
export const vmstate_i2c_bus: VMStateDescription<I2CBus> = {
  name: 'i2c_bus',
  version: 1,
  minimumVersion: 1,
  fields: [
    bus('saved_address', u8, {
      doc: 'device that a transfer is going on with',
      values: { 0: 'all devices', 0xff: 'none' }
    })
  ]
};

export interface I2CSlave {
  address: number;
}
const slave = fieldsOf<I2CSlave>();
export const vmstate_i2c_slave: VMStateDescription<I2CSlave> = {
  name: 'I2CSlave',
  version: 1,
  minimumVersion: 1,
  fields: [slave('address', u8, { radix: 16 })]
};

const BROADCAST = 0x00;
const NONE = 0xff;

/** What happens on the bus. Source: include/hw/i2c/i2c.h i2c_event. */
export type I2CEvent = 'start-send' | 'start-recv' | 'finish' | 'nack';

/** A device on the bus. */
export interface I2CDevice {
  readonly address: number;
  event(event: I2CEvent): void;
  /** Returns whether it was taken. */
  send(byte: number): boolean;
  recv(): number;
}

/** Transfers return false where no device answers. */
export class I2CBusModel implements I2CBus, Device {
  readonly idstr = 'i2c_bus';
  readonly vmsd = vmstate_i2c_bus;
  saved_address = NONE;
  readonly #devices: I2CDevice[] = [];
  /** Devices that a transfer is going on with. */
  #current: I2CDevice[] = [];
  #broadcast = false;

  add(device: I2CDevice): void {
    this.#devices.push(device);
  }

  preSave(): void {
    this.saved_address = this.#broadcast ? BROADCAST : (this.#current[0]?.address ?? NONE);
  }

  postLoad(): void {
    this.#broadcast = this.saved_address === BROADCAST;
    this.#current = this.#devices.filter((d) => this.#broadcast || d.address === this.saved_address);
  }

  /** A second start inside a transfer goes to the same devices. Source: i2c_do_start_transfer. */
  start(address: number, recv: boolean): boolean {
    if (address === BROADCAST) this.#broadcast = true;
    if (this.#current.length === 0) {
      this.#current = this.#devices.filter((d) => this.#broadcast || d.address === address);
    }
    for (const device of this.#current) device.event(recv ? 'start-recv' : 'start-send');
    return this.#current.length > 0;
  }

  end(): void {
    for (const device of this.#current) device.event('finish');
    this.#current = [];
    this.#broadcast = false;
  }

  send(byte: number): boolean {
    return this.#current.length > 0 && this.#current.every((device) => device.send(byte));
  }

  recv(): number {
    return this.#broadcast ? 0xff : (this.#current[0]?.recv() ?? 0xff);
  }

  nack(): void {
    for (const device of this.#current) device.event('nack');
  }
}
