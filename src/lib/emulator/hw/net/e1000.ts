/** The 82540EM and its like. Source: QEMU hw/net/e1000.c; Intel 8254x software developer's manual. */
import { fieldsOf, unused, type Field, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, bool, buffer, i8, u16, u32, u8 } from '../../../vmstate/vmstate-types.ts';
import { pciDevice, type PCIDevice } from '../pci/pci.ts';
import { E1000, MAC_REGISTERS, PHY_REGISTERS, registerMeaning } from './e1000x_regs.ts';

/** e1000x_txd_props: what a context descriptor set. */
export interface E1000TxdProps {
  ipcss: number;
  ipcso: number;
  ipcse: number;
  tucss: number;
  tucso: number;
  tucse: number;
  paylen: number;
  hdr_len: number;
  mss: number;
  ip: number;
  tcp: number;
}
/** A frame on its way out. */
export interface TxState {
  size: number;
  tso_frames: number;
  sum_needed: number;
  header: Uint8Array;
  data: Uint8Array;
  tso_props: E1000TxdProps;
}

export interface E1000State {
  parent_obj: PCIDevice;
  rxbuf_size: number;
  rxbuf_min_shift: number;
  eecd_state: { val_in: number; bitnum_in: number; bitnum_out: number; reading: number; old_eecd: number };
  mig_props: E1000TxdProps;
  tx: TxState;
  eeprom_data: number[];
  phy_reg: number[];
  mac_reg: number[];
  mit_irq_level: boolean;
}
const e = fieldsOf<E1000State>();

/** Meanings of the offload properties. */
const CHECKSUM_START = { doc: 'Where the checksum starts', unit: 'bytes' } as const;
const CHECKSUM_PLACE = { doc: 'Where the checksum goes', unit: 'bytes' } as const;
const CHECKSUM_END = { doc: 'Where it ends, 0 for the end of the packet', unit: 'bytes' } as const;

const props = (at: 'mig_props' | 'tx.tso_props'): Record<'head' | 'kind', readonly Field<E1000State>[]> => ({
  head: [
    e(`${at}.ipcss`, u8, CHECKSUM_START),
    e(`${at}.ipcso`, u8, CHECKSUM_PLACE),
    e(`${at}.ipcse`, u16, CHECKSUM_END),
    e(`${at}.tucss`, u8, CHECKSUM_START),
    e(`${at}.tucso`, u8, CHECKSUM_PLACE),
    e(`${at}.tucse`, u16, CHECKSUM_END),
    e(`${at}.paylen`, u32, { unit: 'bytes' }),
    e(`${at}.hdr_len`, u8, { unit: 'bytes' }),
    e(`${at}.mss`, u16, { doc: 'Largest segment', unit: 'bytes' })
  ],
  kind: [
    e(`${at}.ip`, i8, { values: { 0: 'IPv6', 1: 'IPv4' } }),
    e(`${at}.tcp`, i8, { values: { 0: 'UDP', 1: 'TCP' } })
  ]
});

const register = (name: keyof typeof E1000): Field<E1000State> =>
  e(`mac_reg[${E1000[name] >> 2}]`, u32, { name: `mac_reg[${name}]`, ...registerMeaning(name) });

/** Registers that are sent one by one, in this order. */
// prettier-ignore
const REGISTERS = [
  'CTRL', 'EECD', 'EERD', 'GPRC', 'GPTC', 'ICR', 'ICS', 'IMC', 'IMS', 'LEDCTL', 'MANC', 'MDIC', 'MPC', 'PBA', 'RCTL',
  'RDBAH', 'RDBAL', 'RDH', 'RDLEN', 'RDT', 'STATUS', 'SWSM', 'TCTL', 'TDBAH', 'TDBAL', 'TDH', 'TDLEN', 'TDT', 'TORH',
  'TORL', 'TOTH', 'TOTL', 'TPR', 'TPT', 'TXDCTL', 'WUFC', 'VET'
] as const;

const migrated = props('mig_props');
const segmented = props('tx.tso_props');

export const vmstate_e1000: VMStateDescription<E1000State> = {
  name: 'e1000',
  version: 2,
  minimumVersion: 1,
  fields: [
    e('parent_obj', pciDevice()),
    unused(4, { name: 'unused[0]', doc: 'Once the instance id', when: (_, version) => version < 2 }),
    unused(4, { name: 'unused[1]', doc: 'Once mmio_base' }),
    e('rxbuf_size', u32, { unit: 'bytes' }),
    e('rxbuf_min_shift', u32),
    e('eecd_state.val_in', u32, { doc: 'Bits shifted in by the driver', radix: 16 }),
    e('eecd_state.bitnum_in', u16),
    e('eecd_state.bitnum_out', u16),
    e('eecd_state.reading', u16),
    e('eecd_state.old_eecd', u32, { radix: 16 }),
    ...migrated.head,
    e('tx.size', u16, { doc: 'Packet gathered so far', unit: 'bytes' }),
    e('tx.tso_frames', u16),
    e('tx.sum_needed', u8, {
      bits: [
        { name: 'IXSM', bit: 0, doc: 'IP checksum' },
        { name: 'TXSM', bit: 1, doc: 'TCP or UDP checksum' }
      ]
    }),
    ...migrated.kind,
    e('tx.header', buffer(256), { doc: 'Header of the packet that is cut into segments' }),
    e('tx.data', buffer(0x10000), { doc: 'Packet being gathered' }),
    e('eeprom_data', arrayOf(u16, 64), { doc: 'The first three words are the MAC address', radix: 16 }),
    e('phy_reg', arrayOf(u16, 0x20, { abouts: PHY_REGISTERS }), { radix: 16 }),
    ...REGISTERS.map(register),
    e('mac_reg', arrayOf(u32, 32, { from: E1000.RA >> 2 }), {
      name: 'mac_reg[0]',
      doc: 'RA: MAC addresses, low and high half in turn',
      radix: 16
    }),
    e('mac_reg', arrayOf(u32, 128, { from: E1000.MTA >> 2 }), {
      name: 'mac_reg[1]',
      doc: 'MTA: multicast filter',
      radix: 16
    }),
    e('mac_reg', arrayOf(u32, 128, { from: E1000.VFTA >> 2 }), {
      name: 'mac_reg[2]',
      doc: 'VFTA: VLAN filter',
      radix: 16
    })
  ],
  subsections: [
    {
      name: 'e1000/mit_state',
      version: 1,
      minimumVersion: 1,
      doc: 'Interrupt mitigation',
      fields: [
        ...(['RDTR', 'RADV', 'TADV', 'ITR'] as const).map(register),
        e('mit_irq_level', bool, { doc: 'Level of the interrupt pin' })
      ]
    },
    {
      name: 'e1000/full_mac_state',
      version: 1,
      minimumVersion: 1,
      doc: 'All registers once more',
      fields: [e('mac_reg', arrayOf(u32, 0x8000, { abouts: MAC_REGISTERS }), { radix: 16 })]
    },
    {
      name: 'e1000/tx_tso_state',
      version: 1,
      minimumVersion: 1,
      fields: [...segmented.head, ...segmented.kind]
    }
  ]
};
