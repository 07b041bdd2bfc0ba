/** An I2C bus and its devices. Source: QEMU hw/i2c/core.c. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { u8 } from '../../../vmstate/vmstate-types.ts';

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
