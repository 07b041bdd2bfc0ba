/** The SMBus host controller of PIIX4 and ICH9. Source: QEMU hw/i2c/pm_smbus.c; ICH9 datasheet 19.2. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { bool, buffer, u32, u8 } from '../../../vmstate/vmstate-types.ts';

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
