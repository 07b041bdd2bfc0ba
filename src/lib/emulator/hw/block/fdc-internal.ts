/** Bits of the floppy controller's registers. Source: QEMU hw/block/fdc-internal.h, fdc.c; Intel 82078 datasheet, chapter 2. */

export const DIR = { WRITE: 0, READ: 1, SCANE: 2, SCANL: 3, SCANH: 4, VERIFY: 5 } as const;
export const PHASE = { RECONSTRUCT: 0, COMMAND: 1, EXECUTION: 2, RESULT: 3 } as const;
export const SR0 = { HEAD: 0x04, SEEK: 0x20, ABNTERM: 0x40, INVCMD: 0x80, RDYCHG: 0xc0 } as const;
export const SR0_PLACE = 0x07;
export const SR1 = { MA: 0x01, NW: 0x02, EC: 0x80 } as const;
export const SR2_SEH = 0x08;
export const SRA_INTPEND = 0x80;
export const SRA_nDRV2 = 0x40;
export const SRB_RESET = 0xc0;
export const SRB = { MTR0: 0x01, MTR1: 0x02, DR0: 0x20 } as const;
export const DOR = { SELMASK: 0x01, nRESET: 0x04, DMAEN: 0x08, MOTEN0: 0x10, MOTEN1: 0x20 } as const;
export const DSR = { DRATEMASK: 0x03, PWRDOWN: 0x40, SWRESET: 0x80 } as const;
export const MSR = { CMDBUSY: 0x10, NONDMA: 0x20, DIO: 0x40, RQM: 0x80 } as const;
export const TDR_BOOTSEL = 0x04;
export const DIR_DSKCHG = 0x80;
export const STATE_MULTI = 0x01;
/** Code of sectors of 512 bytes. */
export const FD_SECTOR_SC = 2;
export const FD_RESET_SENSEI_COUNT = 4;
export const MAX_FD = 2;
/** Implicit seeks, and no FIFO. */
export const CONFIG = 0x60;
export const READ_ID_NS = 20_000_000n;
