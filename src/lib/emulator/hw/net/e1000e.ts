/** The 82574L. Source: QEMU hw/net/e1000e.c, hw/net/e1000e_core.h; Intel 82574 datasheet. */
import { fieldsOf, struct, type Codec, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, bool, buffer, i64, i8, timer, u16, u32, u8 } from '../../../vmstate/vmstate-types.ts';
import { sectionEndsAt } from '../core/section-end.ts';
import { vmstate_msix, type MSIXDevice } from '../pci/msix.ts';
import { pcieDevice, type PCIDevice } from '../pci/pci.ts';
import type { E1000TxdProps } from './e1000.ts';
import { MAC_REGISTERS, PHY_REGISTERS } from './e1000x_regs.ts';

const E1000E_MSIX_VEC_NUM = 5;
const E1000E_NUM_QUEUES = 2;
const E1000E_PHY_PAGES = 7;
const E1000E_PHY_PAGE_SIZE = 0x20;
const E1000E_MAC_SIZE = 0x8000;

interface E1000IntrDelayTimer {
  timer: bigint;
  running: boolean;
}
interface E1000ETx {
  sum_needed: number;
  props: E1000TxdProps & { tse: boolean };
  cptse: boolean;
  skip_cp: boolean;
}
export interface E1000EState {
  parent_obj: MSIXDevice;
  ioaddr: number;
  subsys: number;
  subsys_ven: number;
  core: {
    rxbuf_min_shift: number;
    rx_desc_len: number;
    rxbuf_sizes: number[];
    rx_desc_buf_size: number;
    eeprom: number[];
    phy: number[];
    mac: number[];
    permanent_mac: Uint8Array;
    delayed_causes: number;
    rdtr: E1000IntrDelayTimer;
    radv: E1000IntrDelayTimer;
    raid: E1000IntrDelayTimer;
    tadv: E1000IntrDelayTimer;
    tidv: E1000IntrDelayTimer;
    itr: E1000IntrDelayTimer;
    itr_intr_pending: boolean;
    eitr: E1000IntrDelayTimer[];
    eitr_intr_pending: boolean[];
    itr_guest_value: number;
    eitr_guest_value: number[];
    vet: number;
    tx: E1000ETx[];
    timadj?: bigint;
  };
}

const t = fieldsOf<E1000IntrDelayTimer>();
const delay = struct<E1000IntrDelayTimer>({
  name: 'e1000e-intr-timer',
  version: 1,
  minimumVersion: 1,
  fields: [t('timer', timer, { unit: 'ns', clock: true }), t('running', bool)]
});

const x = fieldsOf<E1000ETx>();
const tx = struct<E1000ETx>({
  name: 'e1000e-tx',
  version: 1,
  minimumVersion: 1,
  fields: [
    x('sum_needed', u8),
    x('props.ipcss', u8),
    x('props.ipcso', u8),
    x('props.ipcse', u16),
    x('props.tucss', u8),
    x('props.tucso', u8),
    x('props.tucse', u16),
    x('props.hdr_len', u8, { unit: 'bytes' }),
    x('props.mss', u16, { unit: 'bytes' }),
    x('props.paylen', u32, { unit: 'bytes' }),
    x('props.ip', i8, { values: { 0: 'IPv6', 1: 'IPv4' } }),
    x('props.tcp', i8, { values: { 0: 'UDP', 1: 'TCP' } }),
    x('props.tse', bool),
    x('cptse', bool, { doc: 'The packet is cut into segments' }),
    x('skip_cp', bool, { doc: 'The packet is dropped' })
  ]
});

/** Old machine types do not send it, and nothing but the section's end says so. */
const i64UnlessAtEnd = {
  type: 'int64',
  read: (file, _into, place) => (sectionEndsAt(file, 0) ? undefined : i64.read(file, undefined, place)),
  write: (file, value) => {
    if (value !== undefined) i64.write(file, value);
  }
} satisfies Codec<bigint | undefined> as Codec<bigint>;

const d = fieldsOf<E1000EState>();
export const vmstate_e1000e: VMStateDescription<E1000EState> = {
  name: 'e1000e',
  version: 1,
  minimumVersion: 1,
  fields: [
    d('parent_obj', pcieDevice() as Codec<PCIDevice> as Codec<MSIXDevice>, { name: 'parent_obj[0]' }),
    d('parent_obj', struct(vmstate_msix), { name: 'parent_obj[1]' }),
    d('ioaddr', u32, { doc: 'Register that the data port shows', radix: 16 }),
    d('core.rxbuf_min_shift', u32),
    d('core.rx_desc_len', u8, { unit: 'bytes' }),
    d('core.rxbuf_sizes', arrayOf(u32, 4), { unit: 'bytes' }),
    d('core.rx_desc_buf_size', u32, { unit: 'bytes' }),
    d('core.eeprom', arrayOf(u16, 64), { doc: 'The first three words are the MAC address', radix: 16 }),
    d('core.phy', arrayOf(u16, E1000E_PHY_PAGES * E1000E_PHY_PAGE_SIZE, { abouts: PHY_REGISTERS }), {
      doc: 'Seven pages of 32 registers',
      radix: 16
    }),
    d('core.mac', arrayOf(u32, E1000E_MAC_SIZE, { abouts: MAC_REGISTERS }), { radix: 16 }),
    d('core.permanent_mac', buffer(6, 'uint8'), { doc: 'MAC address' }),
    d('core.delayed_causes', u32, { doc: 'Interrupt causes that are held back', radix: 16 }),
    d('subsys', u16, { radix: 16 }),
    d('subsys_ven', u16, { radix: 16 }),
    d('core.rdtr', delay, { doc: 'Receive delay' }),
    d('core.radv', delay, { doc: 'Absolute receive delay' }),
    d('core.raid', delay, { doc: 'Receive ACK delay' }),
    d('core.tadv', delay, { doc: 'Absolute transmit delay' }),
    d('core.tidv', delay, { doc: 'Transmit delay' }),
    d('core.itr', delay, { doc: 'Interrupt throttling' }),
    d('core.itr_intr_pending', bool, { doc: 'Unused after 7.2' }),
    d('core.eitr', arrayOf(delay, E1000E_MSIX_VEC_NUM), { doc: 'Interrupt throttling of each vector' }),
    d('core.eitr_intr_pending', arrayOf(bool, E1000E_MSIX_VEC_NUM), { doc: 'Unused after 7.2' }),
    d('core.itr_guest_value', u32),
    d('core.eitr_guest_value', arrayOf(u32, E1000E_MSIX_VEC_NUM)),
    d('core.vet', u16, { doc: 'VLAN EtherType', radix: 16 }),
    d('core.tx', arrayOf(tx, E1000E_NUM_QUEUES)),
    d('core.timadj', i64UnlessAtEnd, { unit: 'ns', doc: 'Offset of the time stamp clock', clock: true })
  ]
};
