/**
 * Register places and bits of Intel's gigabit Ethernet controllers.
 * Source: Intel 8254x software developer's manual chapter 13, 82574 datasheet chapter 10; names as in QEMU
 * hw/net/e1000_regs.h and hw/net/e1000x_regs.h.
 */
import type { Bits, Meaning } from '../../../vmstate/vmstate.ts';

/** Byte offsets. */
// prettier-ignore
export const E1000 = {
  CTRL: 0x0, CTRL_DUP: 0x4, STATUS: 0x8, EECD: 0x10, EERD: 0x14, CTRL_EXT: 0x18, FLA: 0x1c, MDIC: 0x20, FCAL: 0x28,
  FCAH: 0x2c, FCT: 0x30, VET: 0x38, RA_A: 0x40, ICR: 0xc0, ITR: 0xc4, ICS: 0xc8, IMS: 0xd0, IMC: 0xd8, EIAC: 0xdc,
  IAM: 0xe0, IVAR: 0xe4, EITR: 0xe8, RCTL: 0x100, RDTR_A: 0x108, RDBAL0_A: 0x110, RDLEN0_A: 0x118, RDH0_A: 0x120,
  RDT0_A: 0x128, FCRTH_A: 0x160, FCRTL_A: 0x168, FCTTV: 0x170, TCTL: 0x400, TIPG: 0x410, TDBAL_A: 0x420, TDLEN_A:
  0x428, TDH_A: 0x430, TDT_A: 0x438, TIDV_A: 0x440, AIT: 0x458, VFTA_A: 0x600, LEDCTL: 0xe00, EXTCNF_CTRL: 0xf00,
  EXTCNF_SIZE: 0xf08, POEMB: 0xf10, PBA: 0x1000, PBS: 0x1008, EEMNGCTL: 0x1010, EEMNGDATA: 0x1014, FLMNGCTL: 0x1018,
  FLMNGDATA: 0x101c, FLMNGCNT: 0x1020, FLASHT: 0x1028, EEWR: 0x102c, FLSWCTL: 0x1030, FLSWDATA: 0x1034, FLSWCNT:
  0x1038, FLOP: 0x103c, FLOL: 0x1050, FCRTL: 0x2160, FCRTH: 0x2168, PSRCTL: 0x2170, RDFH: 0x2410, RDFT: 0x2418, RDFHS:
  0x2420, RDFTS: 0x2428, RDFPC: 0x2430, RDBAL: 0x2800, RDBAH: 0x2804, RDLEN: 0x2808, RDH: 0x2810, RDT: 0x2818, RDTR:
  0x2820, RXDCTL: 0x2828, RADV: 0x282c, RDBAL1: 0x2900, RDBAH1: 0x2904, RDLEN1: 0x2908, RDH1: 0x2910, RDT1: 0x2918,
  RXDCTL1: 0x2928, RSRPD: 0x2c00, RAID: 0x2c08, TDFH: 0x3410, TDFT: 0x3418, TDFHS: 0x3420, TDFTS: 0x3428, TDFPC:
  0x3430, TDBAL: 0x3800, TDBAH: 0x3804, TDLEN: 0x3808, TDH: 0x3810, TDT: 0x3818, TIDV: 0x3820, TXDCTL: 0x3828, TADV:
  0x382c, TARC0: 0x3840, TDBAL1: 0x3900, TDBAH1: 0x3904, TDLEN1: 0x3908, TDH1: 0x3910, TDT1: 0x3918, TXDCTL1: 0x3928,
  TARC1: 0x3940, CRCERRS: 0x4000, MPC: 0x4010, SCC: 0x4014, ECOL: 0x4018, MCC: 0x401c, LATECOL: 0x4020, COLC: 0x4028,
  DC: 0x4030, TNCRS: 0x4034, SEQEC: 0x4038, CEXTERR: 0x403c, RLEC: 0x4040, XONRXC: 0x4048, XONTXC: 0x404c, XOFFRXC:
  0x4050, XOFFTXC: 0x4054, FCRUC: 0x4058, PRC64: 0x405c, PRC127: 0x4060, PRC255: 0x4064, PRC511: 0x4068, PRC1023:
  0x406c, PRC1522: 0x4070, GPRC: 0x4074, BPRC: 0x4078, MPRC: 0x407c, GPTC: 0x4080, GORCL: 0x4088, GORCH: 0x408c,
  GOTCL: 0x4090, GOTCH: 0x4094, RNBC: 0x40a0, RUC: 0x40a4, RFC: 0x40a8, ROC: 0x40ac, RJC: 0x40b0, MGTPRC: 0x40b4,
  MGTPDC: 0x40b8, MGTPTC: 0x40bc, TORL: 0x40c0, TORH: 0x40c4, TOTL: 0x40c8, TOTH: 0x40cc, TPR: 0x40d0, TPT: 0x40d4,
  PTC64: 0x40d8, PTC127: 0x40dc, PTC255: 0x40e0, PTC511: 0x40e4, PTC1023: 0x40e8, PTC1522: 0x40ec, MPTC: 0x40f0, BPTC:
  0x40f4, TSCTC: 0x40f8, TSCTFC: 0x40fc, IAC: 0x4100, RXCSUM: 0x5000, RFCTL: 0x5008, MAVTV0: 0x5010, MAVTV1: 0x5014,
  MAVTV2: 0x5018, MAVTV3: 0x501c, MTA: 0x5200, RA: 0x5400, VFTA: 0x5600, WUC: 0x5800, WUFC: 0x5808, WUS: 0x5810, MRQC:
  0x5818, MANC: 0x5820, MFVAL: 0x5824, MFUTP01: 0x5828, MFUTP23: 0x5830, IPAV: 0x5838, IP4AT: 0x5840, MANC2H: 0x5860,
  IP6AT: 0x5880, MDEF: 0x5890, WUPM: 0x5a00, GCR: 0x5b00, FUNCTAG: 0x5b08, GSCL_1: 0x5b10, GSCL_2: 0x5b14, GSCL_3:
  0x5b18, GSCL_4: 0x5b1c, GSCN_0: 0x5b20, GSCN_1: 0x5b24, GSCN_2: 0x5b28, GSCN_3: 0x5b2c, FACTPS: 0x5b30, SWSM:
  0x5b50, GCR2: 0x5b64, PBACLR: 0x5b68, RETA: 0x5c00, RSSRK: 0x5c80, FFLT: 0x5f00, FCRTV: 0x5f40, RDFH_A: 0x8000,
  RDFT_A: 0x8008, TDFH_A: 0x8010, TDFT_A: 0x8018, FFMT: 0x9000, FTFT: 0x9400, FFVT: 0x9800, SYSTIML: 0xb600, SYSTIMH:
  0xb604, TIMINCA: 0xb608, TIMADJL: 0xb60c, TIMADJH: 0xb610, TSYNCTXCTL: 0xb614, TXSTMPL: 0xb618, TXSTMPH: 0xb61c,
  TSYNCRXCTL: 0xb620, RXSTMPL: 0xb624, RXSTMPH: 0xb628, RXSATRL: 0xb62c, RXSATRH: 0xb630, RXCFGL: 0xb634, RXUDP:
  0xb638, PBM: 0x10000
} as const;

/** Interrupt causes: ICR, ICS, IMS, IMC. */
const CAUSES: readonly Bits[] = [
  { name: 'TXDW', bit: 0, doc: 'transmit descriptor written back' },
  { name: 'TXQE', bit: 1, doc: 'transmit queue empty' },
  { name: 'LSC', bit: 2, doc: 'link changed' },
  { name: 'RXSEQ', bit: 3 },
  { name: 'RXDMT0', bit: 4, doc: 'few receive descriptors left' },
  { name: 'RXO', bit: 6, doc: 'receiver overrun' },
  { name: 'RXT0', bit: 7, doc: 'packet received' },
  { name: 'MDAC', bit: 9 },
  { name: 'RXCFG', bit: 10 },
  { name: 'TXD_LOW', bit: 15 },
  { name: 'SRPD', bit: 16, doc: 'small packet received' },
  { name: 'ACK', bit: 17 },
  { name: 'RXQ0', bit: 20 },
  { name: 'RXQ1', bit: 21 },
  { name: 'TXQ0', bit: 22 },
  { name: 'TXQ1', bit: 23 },
  { name: 'OTHER', bit: 24 },
  { name: 'INT_ASSERTED', bit: 31 }
];
const RING: Meaning = { pointer: 'gpa', radix: 16 };

/** What the registers that matter mean; the others have their name only. */
const MEANINGS: Partial<Record<keyof typeof E1000, Meaning>> = {
  CTRL: {
    doc: 'device control',
    bits: [
      { name: 'FD', bit: 0, doc: 'full duplex' },
      { name: 'LRST', bit: 3 },
      { name: 'ASDE', bit: 5 },
      { name: 'SLU', bit: 6, doc: 'set link up' },
      { name: 'SPD_SEL', bit: 8, width: 2, values: { 0: '10 Mbit/s', 1: '100 Mbit/s', 2: '1 Gbit/s' } },
      { name: 'FRCSPD', bit: 11 },
      { name: 'FRCDPX', bit: 12 },
      { name: 'RST', bit: 26 },
      { name: 'RFCE', bit: 27 },
      { name: 'TFCE', bit: 28 },
      { name: 'VME', bit: 30, doc: 'VLAN tags are handled' },
      { name: 'PHY_RST', bit: 31 }
    ]
  },
  STATUS: {
    doc: 'device status',
    bits: [
      { name: 'FD', bit: 0 },
      { name: 'LU', bit: 1, doc: 'link up' },
      { name: 'TXOFF', bit: 4 },
      { name: 'SPEED', bit: 6, width: 2, values: { 0: '10 Mbit/s', 1: '100 Mbit/s', 2: '1 Gbit/s', 3: '1 Gbit/s' } },
      { name: 'GIO_MASTER_ENABLE', bit: 19 }
    ]
  },
  EECD: { doc: 'EEPROM pins' },
  EERD: { doc: 'EEPROM read' },
  MDIC: {
    doc: 'PHY access',
    bits: [
      { name: 'DATA', bit: 0, width: 16 },
      { name: 'REG', bit: 16, width: 5 },
      { name: 'PHY', bit: 21, width: 5 },
      { name: 'OP', bit: 26, width: 2, values: { 1: 'write', 2: 'read' } },
      { name: 'READY', bit: 28 },
      { name: 'ERROR', bit: 30 }
    ]
  },
  ICR: { doc: 'interrupt causes', bits: CAUSES },
  ICS: { doc: 'interrupt cause set', bits: CAUSES },
  IMS: { doc: 'interrupt mask', bits: CAUSES },
  IMC: { doc: 'interrupt mask clear', bits: CAUSES },
  ITR: { doc: 'interrupt throttling, in units of 256 ns' },
  RCTL: {
    doc: 'receive control',
    bits: [
      { name: 'EN', bit: 1 },
      { name: 'SBP', bit: 2 },
      { name: 'UPE', bit: 3, doc: 'promiscuous' },
      { name: 'MPE', bit: 4, doc: 'all multicast' },
      { name: 'LPE', bit: 5, doc: 'long packets' },
      { name: 'LBM', bit: 6, width: 2 },
      { name: 'RDMTS', bit: 8, width: 2 },
      { name: 'MO', bit: 12, width: 2 },
      { name: 'BAM', bit: 15, doc: 'broadcasts' },
      { name: 'BSIZE', bit: 16, width: 2 },
      { name: 'VFE', bit: 18 },
      { name: 'BSEX', bit: 25 },
      { name: 'SECRC', bit: 26, doc: 'CRC is stripped' }
    ]
  },
  TCTL: {
    doc: 'transmit control',
    bits: [
      { name: 'EN', bit: 1 },
      { name: 'PSP', bit: 3, doc: 'short packets are padded' },
      { name: 'CT', bit: 4, width: 8 },
      { name: 'COLD', bit: 12, width: 10 }
    ]
  },
  RDBAL: { doc: 'receive ring', ...RING },
  RDLEN: { doc: 'receive ring', unit: 'bytes' },
  RDH: { doc: 'receive head: next descriptor of the device' },
  RDT: { doc: 'receive tail: end of what the driver gave' },
  TDBAL: { doc: 'transmit ring', ...RING },
  TDLEN: { doc: 'transmit ring', unit: 'bytes' },
  TDH: { doc: 'transmit head: next descriptor of the device' },
  TDT: { doc: 'transmit tail: end of what the driver gave' },
  RDBAL1: { doc: 'receive ring 1', ...RING },
  TDBAL1: { doc: 'transmit ring 1', ...RING },
  GPRC: { doc: 'good packets received' },
  GPTC: { doc: 'good packets transmitted' },
  TPR: { doc: 'packets received' },
  TPT: { doc: 'packets transmitted' },
  TORL: { doc: 'bytes received' },
  TOTL: { doc: 'bytes transmitted' },
  MPC: { doc: 'packets missed' },
  RA: { doc: 'MAC address 0, low part' },
  MTA: { doc: 'multicast filter' },
  VFTA: { doc: 'VLAN filter' },
  VET: { doc: 'VLAN EtherType', radix: 16 }
};

/** Meaning of a register by name; its name leads its doc where rows have numbers for names. */
export const registerMeaning = (name: keyof typeof E1000): Meaning => MEANINGS[name] ?? {};

/** Meanings of the whole register file, by index of the 32-bit register. */
export const MAC_REGISTERS: readonly (Meaning | undefined)[] = (() => {
  const abouts: (Meaning | undefined)[] = [];
  for (const [name, offset] of Object.entries(E1000)) {
    const meaning = registerMeaning(name as keyof typeof E1000);
    abouts[offset >> 2] = { ...meaning, doc: meaning.doc ? `${name}: ${meaning.doc}` : name };
  }
  return abouts;
})();

/** Source: IEEE 802.3 22.2.4; QEMU include/hw/net/mii.h. */
export const PHY_REGISTERS: readonly (Meaning | undefined)[] = [
  {
    doc: 'BMCR: control',
    bits: [
      { name: 'SPEED1000', bit: 6 },
      { name: 'FD', bit: 8 },
      { name: 'ANRESTART', bit: 9 },
      { name: 'ISOL', bit: 10 },
      { name: 'PDOWN', bit: 11 },
      { name: 'AUTOEN', bit: 12 },
      { name: 'SPEED100', bit: 13 },
      { name: 'LOOPBACK', bit: 14 },
      { name: 'RESET', bit: 15 }
    ]
  },
  {
    doc: 'BMSR: status',
    bits: [
      { name: 'EXTCAP', bit: 0 },
      { name: 'LINK_ST', bit: 2, doc: 'link is up' },
      { name: 'AUTONEG', bit: 3 },
      { name: 'AN_COMP', bit: 5, doc: 'autonegotiation is done' }
    ]
  },
  { doc: 'PHYID1: identifier' },
  { doc: 'PHYID2: identifier' },
  { doc: 'ANAR: what is advertised' },
  { doc: 'ANLPAR: what the link partner advertises' },
  { doc: 'ANER: autonegotiation expansion' },
  { doc: 'ANNP: next page' },
  { doc: "ANLPRNP: link partner's next page" },
  { doc: 'CTRL1000: 1000BASE-T control' },
  { doc: 'STAT1000: 1000BASE-T status' }
];
