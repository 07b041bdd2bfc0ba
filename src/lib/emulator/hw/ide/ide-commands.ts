/** The commands of ATA drives. Source: QEMU hw/ide/core.c ide_cmd_table; ATA8-ACS chapter 7. */
import { identifyDisk, setIdentifyWord, writeCacheWord } from './ide-identify.ts';
import { IDEDrive } from './ide-dev.ts';
import { BUSY_STAT, END, MAX_MULT_SECTORS, READY_STAT, SEEK_STAT } from './ide-registers.ts';

/** Returns whether the command is done; else it goes on by itself. */
type Handler = (drive: IDEDrive, command: number) => boolean;

interface Command {
  readonly run: Handler;
  readonly disk: boolean;
  readonly cd: boolean;
  /** Says at its end that the head has arrived. */
  readonly seeks: boolean;
}

const PACKET_SIZE = 12;
const DEVICE_RESET = 0x08;

const aborted: Handler = (drive) => {
  drive.abort();
  return true;
};
const nothing: Handler = () => true;

/** A count of 0 stands for the most there can be. Source: ide_cmd_lba48_transform. */
function takeCount(drive: IDEDrive, lba48: boolean): void {
  drive.lba48 = lba48 ? 1 : 0;
  if (!lba48) drive.nsector ||= 256;
  else drive.nsector = (drive.hob_nsector << 8) | (drive.nsector & 0xff) || 65536;
}

/** Answers with 512 bytes of the buffer. */
export function answer(drive: IDEDrive, bytes: Uint8Array): boolean {
  drive.io_buffer.set(bytes.subarray(0, 512));
  drive.status = READY_STAT | SEEK_STAT;
  drive.transferStart(0, 512, END.STOP);
  drive.bus.setIrq();
  return false;
}

const identify: Handler = (drive) => {
  if (drive.kind === 'hd') {
    if (!drive.identify_set) identifyDisk(drive);
    drive.identify_set = 1;
    return answer(drive, drive.identify_data);
  }
  if (drive.kind === 'cd') drive.setSignature();
  drive.abort();
  return true;
};

const identifyPacket: Handler = (drive) => {
  drive.identifyPacket();
  return answer(drive, drive.identify_data);
};

const read =
  (lba48: boolean, multiple: boolean): Handler =>
  (drive) => {
    if (drive.kind === 'cd') drive.setSignature();
    if (drive.kind !== 'hd' || (multiple && !drive.mult_sectors)) return aborted(drive, 0);
    takeCount(drive, lba48);
    drive.req_nb_sectors = multiple ? drive.mult_sectors : 1;
    drive.sectorRead();
    return false;
  };

const write =
  (lba48: boolean, multiple: boolean): Handler =>
  (drive) => {
    if (!drive.blk || (multiple && !drive.mult_sectors)) return aborted(drive, 0);
    takeCount(drive, lba48);
    drive.req_nb_sectors = multiple ? drive.mult_sectors : 1;
    drive.status = SEEK_STAT | READY_STAT;
    drive.transferStart(0, 512 * Math.min(drive.nsector, drive.req_nb_sectors), END.SECTOR_WRITE);
    return false;
  };

const dma =
  (lba48: boolean, direction: 'read' | 'write'): Handler =>
  (drive) => {
    if (!drive.blk) return aborted(drive, 0);
    takeCount(drive, lba48);
    drive.startDma(direction);
    return false;
  };

const verify =
  (lba48: boolean): Handler =>
  (drive) => {
    takeCount(drive, lba48);
    return true;
  };

const readNativeMax =
  (lba48: boolean): Handler =>
  (drive) => {
    if (drive.nbSectors === 0) return aborted(drive, 0);
    const { heads, sectors } = drive;
    drive.heads = drive.native.heads;
    drive.sectors = drive.native.sectors;
    takeCount(drive, lba48);
    drive.setSector(drive.nbSectors - 1);
    drive.heads = heads;
    drive.sectors = sectors;
    return true;
  };

const setMultiple: Handler = (drive) => {
  const count = drive.nsector & 0xff;
  if (count > MAX_MULT_SECTORS || (count & (count - 1)) !== 0) drive.abort();
  else drive.mult_sectors = count;
  return true;
};

/** INITIALIZE DEVICE PARAMETERS. */
const specify: Handler = (drive) => {
  if (drive.kind !== 'hd') return aborted(drive, 0);
  drive.heads = (drive.select & 0x0f) + 1;
  drive.sectors = drive.nsector;
  drive.bus.setIrq();
  return true;
};

const deviceReset: Handler = (drive) => {
  drive.transferStop();
  drive.reset();
  drive.status = 0;
  return false;
};

/** EXECUTE DEVICE DIAGNOSTIC: the error register says that all is well. */
export function diagnose(drive: IDEDrive): boolean {
  drive.clearSelect();
  drive.setSignature();
  drive.error = 0x01;
  drive.status = drive.kind === 'cd' ? 0 : READY_STAT | SEEK_STAT;
  if (drive.kind !== 'cd') drive.bus.setIrq();
  return false;
}

/** The transfer mode in use is one bit of words 62 (single word DMA), 63 (multiword) or 88 (ultra). */
function setTransferMode(drive: IDEDrive): boolean {
  const mode = drive.nsector & 7;
  const word = { 0: 0, 1: 0, 2: 62, 4: 63, 8: 88 }[drive.nsector >> 3];
  if (word === undefined) return false;
  const inUse = (at: number): number => (at === word ? 1 << (mode + 8) : 0);
  setIdentifyWord(drive, 62, 0x07 | inUse(62));
  setIdentifyWord(drive, 63, 0x07 | inUse(63));
  setIdentifyWord(drive, 88, 0x3f | inUse(88));
  return true;
}

/** Features that are taken and change nothing. */
const IGNORED_FEATURES = new Set([0xaa, 0x55, 0x05, 0x85, 0x69, 0x67, 0x96, 0x9a, 0x42, 0xc2]);

const setFeatures: Handler = (drive) => {
  if (!drive.blk) return aborted(drive, 0);
  switch (drive.feature) {
    case 0x02:
    case 0x82: {
      const on = drive.feature === 0x02;
      drive.blk.writeCache = on;
      setIdentifyWord(drive, 85, writeCacheWord(on));
      if (!on) drive.flushCache();
      return on;
    }
    case 0xcc:
    case 0x66:
      drive.resetReverts = drive.feature === 0xcc;
      return true;
    case 0x03:
      if (!setTransferMode(drive)) drive.abort();
      return true;
    default:
      if (!IGNORED_FEATURES.has(drive.feature)) drive.abort();
      return true;
  }
};

const checkPowerMode: Handler = (drive) => {
  drive.nsector = 0xff;
  return true;
};

const flush: Handler = (drive) => {
  if (drive.blk) drive.flushCache();
  else {
    drive.status = READY_STAT | SEEK_STAT;
    drive.bus.setIrq();
  }
  return false;
};

/** TRIM is all there is of it. */
const dataSetManagement: Handler = (drive) => {
  if (drive.feature !== 0x01 || !drive.blk) return aborted(drive, 0);
  drive.startDma('trim');
  return false;
};

const packet: Handler = (drive) => {
  if (drive.feature & 0x02) return aborted(drive, 0);
  drive.status = READY_STAT | SEEK_STAT;
  if (drive.feature & 1) drive.dmaCommand = 'atapi';
  drive.nsector = 1;
  drive.transferStart(0, PACKET_SIZE, END.ATAPI_COMMAND);
  return false;
};

const wearLevel: Handler = (drive) => {
  drive.nsector = 0;
  return true;
};

const runSmart: Handler = (drive) => {
  const reply = drive.smart.run(drive);
  if (reply instanceof Uint8Array) return answer(drive, reply);
  if (!reply) drive.abort();
  return true;
};

const disk = { disk: true, cd: false, seeks: false };
const diskSeeks = { disk: true, cd: false, seeks: true };
const cd = { disk: false, cd: true, seeks: false };
const all = { disk: true, cd: true, seeks: false };

const COMMANDS: readonly (readonly [codes: readonly number[], run: Handler, who: Omit<Command, 'run'>])[] = [
  [[0x06], dataSetManagement, disk],
  [[DEVICE_RESET], deviceReset, cd],
  [[0x10, 0x70], nothing, diskSeeks],
  [[0x20], read(false, false), all],
  [[0x21], read(false, false), disk],
  [[0x24], read(true, false), disk],
  [[0x25], dma(true, 'read'), disk],
  [[0x27], readNativeMax(true), diskSeeks],
  [[0x29], read(true, true), disk],
  [[0x30, 0x31, 0x3c], write(false, false), disk],
  [[0x34], write(true, false), disk],
  [[0x35], dma(true, 'write'), disk],
  [[0x39], write(true, true), disk],
  [[0x40, 0x41], verify(false), diskSeeks],
  [[0x42], verify(true), diskSeeks],
  [[0x90], diagnose, all],
  [[0x91], specify, diskSeeks],
  [[0x94, 0x95, 0x96, 0x97, 0x99, 0xe0, 0xe1, 0xe2, 0xe3, 0xe6], nothing, disk],
  [[0x98, 0xe5], checkPowerMode, diskSeeks],
  [[0xa0], packet, cd],
  [[0xa1], identifyPacket, cd],
  [[0xb0], runSmart, diskSeeks],
  [[0xc4], read(false, true), disk],
  [[0xc5], write(false, true), disk],
  [[0xc6], setMultiple, diskSeeks],
  [[0xc8, 0xc9], dma(false, 'read'), disk],
  [[0xca, 0xcb], dma(false, 'write'), disk],
  [[0xe7], flush, all],
  [[0xea], flush, disk],
  [[0xec], identify, all],
  [[0xef], setFeatures, { ...all, seeks: true }],
  [[0xf5], wearLevel, diskSeeks],
  [[0xf8], readNativeMax(false), diskSeeks]
];

const TABLE = new Map<number, Command>(
  COMMANDS.flatMap(([codes, run, who]) => codes.map((code) => [code, { ...who, run }] as const))
);

/** Runs a command that a guest has written to the selected drive. Source: ide_bus_exec_cmd. */
export function execute(drive: IDEDrive, code: number): void {
  const resets = code === DEVICE_RESET && drive.kind === 'cd';
  if (drive.status & (BUSY_STAT | 0x08) && !resets) return;
  const command = TABLE.get(code);
  if (!command || !(drive.kind === 'cd' ? command.cd : command.disk)) {
    drive.abort();
    drive.bus.setIrq();
    return;
  }
  drive.status = READY_STAT | BUSY_STAT;
  drive.error = 0;
  if (!command.run(drive, code)) return;
  drive.status &= ~BUSY_STAT;
  if (command.seeks && !drive.error) drive.status |= SEEK_STAT;
  drive.bus.setIrq();
}
