/**
 * Which registers of the 82540EM there are, and what reading and writing does to those that only hold a value; its PHY and
 * its EEPROM at the start. Source: QEMU hw/net/e1000.c (macreg_readops, macreg_writeops, phy_regcap, phy_reg_init,
 * mac_reg_init, e1000_eeprom_template); Intel 8254x manual chapter 13.
 */
import { E1000 } from './e1000x_regs.ts';

export type RegisterName = keyof typeof E1000;
/** Index of a register. */
export const at = (name: RegisterName): number => E1000[name] >> 2;

/** Ranges of registers: first, count. */
const range = (name: RegisterName, count: number): number[] => Array.from({ length: count }, (_, i) => at(name) + i);
const names = (text: string): number[] =>
  text
    .trim()
    .split(/\s+/)
    .map((name) => at(name as RegisterName));

const ARRAYS = [
  ...[...range('IP6AT', 4), ...range('IP4AT', 7), ...range('RA', 32), ...range('WUPM', 32), ...range('MTA', 128)],
  ...[...range('VFTA', 128), ...range('FFVT', 255), ...range('PBM', 16384)]
];
const FILTER_LENGTHS = range('FFLT', 7);
const FILTER_MASKS = range('FFMT', 255);

/** Read as they are. */
export const READABLE: ReadonlySet<number> = new Set([
  ...names(`PBA RCTL TDH TXDCTL WUFC TDT CTRL LEDCTL MANC MDIC SWSM STATUS TORL TOTL IMS TCTL RDH RDT VET ICS TDBAL
    TDBAH RDBAH RDBAL TDLEN RDLEN RDTR RADV TADV ITR FCRUC IPAV WUC WUS SCC ECOL MCC LATECOL COLC DC TNCRS SEQEC
    CEXTERR RLEC XONRXC XONTXC XOFFRXC XOFFTXC RFC RJC RNBC TSCTFC MGTPRC MGTPDC MGTPTC GORCL GOTCL RDFH RDFT RDFHS
    RDFTS RDFPC TDFH TDFT TDFHS TDFTS TDFPC AIT`),
  ...range('CRCERRS', 5),
  ...[...ARRAYS, ...FILTER_LENGTHS, ...FILTER_MASKS]
]);
/** Counters that reading clears. */
export const CLEARED: ReadonlySet<number> = new Set(
  names(`PRC64 PRC127 PRC255 PRC511 PRC1023 PRC1522 PTC64 PTC127 PTC255 PTC511 PTC1023 PTC1522 GPRC GPTC TPT TPR RUC ROC
    BPRC MPRC TSCTC BPTC MPTC`)
);
/** High halves of counters: reading clears both. */
export const CLEARED_WITH_LOW: ReadonlySet<number> = new Set(names('TOTH TORH GOTCH GORCH'));

const mask = (indices: readonly number[], bits: number): [number, number][] => indices.map((i) => [i, bits]);
/** Written as they are, but for bits that are not there. */
export const WRITABLE: ReadonlyMap<number, number> = new Map([
  ...mask(names('PBA EERD SWSM WUFC TDBAL TDBAH TXDCTL RDBAH RDBAL LEDCTL VET FCRUC IPAV WUC WUS'), 0xffff_ffff),
  ...mask(ARRAYS, 0xffff_ffff),
  ...mask(names('TDLEN RDLEN'), 0xfff80),
  ...mask(names('TDH RDH RDTR RADV TADV ITR AIT'), 0xffff),
  ...mask(names('TDFHS TDFTS TDFPC RDFH RDFT RDFHS RDFTS RDFPC'), 0x1fff),
  ...mask([...names('TDFH TDFT'), ...FILTER_LENGTHS], 0x7ff),
  ...mask(FILTER_MASKS, 0xf)
]);

export const MAC_REGISTERS = 0x8000;
/** After a reset. */
export const MAC_INIT: readonly (readonly [RegisterName, number])[] = [
  ['PBA', 0x0010_0030],
  ['LEDCTL', 0x602],
  // SWDPIN0, SWDPIN2, 1000 Mbit/s, link up.
  ['CTRL', 0x0014_0240],
  // Full duplex, link up, 1000 Mbit/s, ASDV, MTXCKOK, bus master.
  ['STATUS', 0x8008_0783],
  ['MANC', 0x0022_2300],
  ['VET', 0x8100]
];

export const MII = { BMCR: 0, BMSR: 1, PHYID2: 3, ANLPAR: 5 } as const;
const [R, W, RW] = [1, 2, 3];
/** What may be done to a register of the PHY: 1 read, 2 write. */
export const PHY_ACCESS: Readonly<Record<number, number>> = {
  ...{ 0: RW, 1: R, 2: R, 3: R, 4: RW, 5: R, 6: R, 9: RW, 10: R },
  ...{ 16: RW, 17: R, 20: RW, 21: R }
};
export const [PHY_READ, PHY_WRITE] = [R, W];
const PHY_INIT: Readonly<Record<number, number>> = {
  // Autonegotiation, 1000 Mbit/s full duplex; link up, not negotiated yet; Marvell 88E1000.
  ...{ 0: 0x1140, 1: 0x794d, 2: 0x141, 3: 0xc20, 4: 0xde1, 5: 0x1e0, 9: 0xe00, 10: 0x3c00 },
  ...{ 16: 0x360, 17: 0xac00, 20: 0xd60 }
};
export const phyInit = (): number[] => Array.from({ length: 0x20 }, (_, i) => PHY_INIT[i] ?? 0);

const DEVICE_ID = 0x100e;
// prettier-ignore
const EEPROM = [
  0, 0, 0, 0, 0xffff, 0, 0, 0, 0x3000, 0x1000, 0x6403, DEVICE_ID, 0x8086, DEVICE_ID, 0x8086, 0x3040, 0x0008, 0x2000,
  0x7e14, 0x0048, 0x1000, 0x00d8, 0, 0x2700, 0x6cc9, 0x3150, 0x0722, 0x040b, 0x0984, 0, 0xc000, 0x0706, 0x1008, 0,
  0x0f04, 0x7fff, 0x4d01, ...new Array<number>(11).fill(0xffff), 0x0100, 0x4000, 0x121c,
  ...new Array<number>(12).fill(0xffff), 0
];
const EEPROM_SUM = 0xbaba;
export const EEPROM_CHECKSUM = 0x3f;

/** With the MAC address and a checksum. Source: e1000x_core_prepare_eeprom. */
export function eepromOf(mac: Uint8Array): number[] {
  const words = EEPROM.slice();
  for (let i = 0; i < 3; i++) words[i] = mac[2 * i]! | (mac[2 * i + 1]! << 8);
  const sum = words.slice(0, EEPROM_CHECKSUM).reduce((total, word) => total + word, 0);
  words[EEPROM_CHECKSUM] = (EEPROM_SUM - sum) & 0xffff;
  return words;
}
