/**
 * The floppy controller as it runs. Sectors come before a command begins to move them, so that what follows is done at
 * once, as QEMU does it. Source: QEMU hw/block/fdc.c, hw/block/fdc-isa.c; Intel 82078 datasheet, chapters 2 to 7.
 */
import type { BlockBackend } from '../../block/block-backend.ts';
import type { QEMUTimer } from '../../util/qemu-timer.ts';
import type { Irq } from '../core/irq.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';
import { reconstructPhase, vmstate_isa_fdc, type FDCtrl, type FDCtrlISABus } from './fdc.ts';
import { commandOf } from './fdc-commands.ts';
import {
  DIR,
  PHASE,
  SR0,
  SR0_PLACE,
  SR1,
  SR2_SEH,
  SRA_INTPEND,
  SRA_nDRV2,
  SRB_RESET,
  SRB,
  DOR,
  DSR,
  MSR,
  TDR_BOOTSEL,
  DIR_DSKCHG,
  STATE_MULTI,
  FD_SECTOR_SC,
  FD_RESET_SENSEI_COUNT,
  MAX_FD,
  CONFIG,
  READ_ID_NS
} from './fdc-internal.ts';
import { FD_SECTOR_LEN, FloppyDrive, SEEK_MOVED, SEEK_NO_SECTOR, SEEK_NO_TRACK } from './fdc-drive.ts';
import type { FloppyDriveType } from './fdc-drive.ts';
import { FloppySectors } from './fdc-sectors.ts';

/** What it needs of the DMA controller. Source: IsaDmaClass. */
export interface FloppyDma {
  registerChannel(channel: number, handler: (channel: number, position: number, length: number) => number): void;
  holdDREQ(channel: number): void;
  releaseDREQ(channel: number): void;
  readMemory(channel: number, into: Uint8Array, position: number): void;
  writeMemory(channel: number, from: Uint8Array, position: number): void;
}

export interface FdcWiring {
  readonly host: Pick<DeviceHost, 'ports' | 'clocks'>;
  readonly irq: Irq;
  readonly dma: FloppyDma;
  /** Drives A and B; none where undefined. */
  readonly drives: readonly ({ readonly blk: BlockBackend; readonly type?: FloppyDriveType | undefined } | undefined)[];
}

const PORT = 0x3f0;
const DMA_CHANNEL = 2;

export class ISAFdc implements FDCtrl, FDCtrlISABus, Device {
  readonly idstr = 'fdc';
  readonly vmsd = vmstate_isa_fdc;
  /** QEMU's controller is a part of the ISA device; here they are one. */
  readonly state = this;
  sra = 0;
  srb = SRB_RESET;
  dor: number = DOR.nRESET | DOR.DMAEN;
  dor_vmstate = 0;
  tdr = 0;
  dsr = 0;
  msr: number = MSR.RQM;
  status0 = 0;
  status1 = 0;
  status2 = 0;
  fifo = new Uint8Array(FD_SECTOR_LEN);
  data_pos = 0;
  data_len = 0;
  data_state = 0;
  data_dir: number = DIR.WRITE;
  eot = 0;
  timer0 = 0;
  timer1 = 0;
  precomp_trk = 0;
  config = CONFIG;
  lock = 0;
  pwrd = 0;
  num_floppies = MAX_FD;
  drives: FloppyDrive[];
  reset_sensei = 0;
  phase: number = PHASE.COMMAND;
  /** The drive that is selected. */
  cur_drv = 0;
  readonly #irq: Irq;
  readonly #dma: FloppyDma;
  readonly #resultTimer: QEMUTimer;
  readonly #now: () => bigint;
  /** Of the transfer under way. */
  readonly #sectors = new FloppySectors();

  constructor({ host, irq, dma, drives }: FdcWiring) {
    this.#irq = irq;
    this.#dma = dma;
    this.drives = [0, 1].map((n) => new FloppyDrive(drives[n]?.blk, drives[n]?.type));
    const { virtual } = host.clocks;
    this.#now = () => virtual.now();
    this.#resultTimer = virtual.timer(() => this.#readIdDone());
    dma.registerChannel(DMA_CHANNEL, (channel, _position, length) => this.#move(channel, length));
    const port = {
      ...{ size: 1 as const },
      read: (at: number) => this.#read(at & 7),
      write: (at: number, value: number) => this.#write(at & 7, value)
    };
    host.ports.registerList(PORT, 'fdc', [
      { offset: 1, len: 5, ...port },
      { offset: 7, len: 1, ...port }
    ]);
    this.#toCommandPhase();
  }

  get result_timer(): bigint {
    return this.#resultTimer.saved;
  }
  set result_timer(saved: bigint) {
    this.#resultTimer.load(saved);
  }

  /** A and B may be swapped. */
  drive(n: number): FloppyDrive {
    return this.drives[this.tdr & TDR_BOOTSEL ? 1 - n : n]!;
  }
  get current(): FloppyDrive {
    const drive = this.drive(this.cur_drv);
    // In QEMU a drive that was selected once is there from then on.
    drive.there = true;
    return drive;
  }

  reset(): void {
    this.resetController(false);
  }
  preLoad(): void {
    this.phase = PHASE.RECONSTRUCT;
    this.reset_sensei = 0;
    this.#resultTimer.del();
    for (const drive of this.drives) {
      drive.media_changed = 1;
      drive.perpendicular = 0;
    }
  }
  preSave(): void {
    this.dor_vmstate = this.dor | this.cur_drv;
  }
  postLoad(): void {
    this.cur_drv = this.dor_vmstate & DOR.SELMASK;
    this.dor = this.dor_vmstate & ~DOR.SELMASK;
    if (this.phase === PHASE.RECONSTRUCT) this.phase = reconstructPhase(this.msr);
    for (const drive of this.drives) drive.revalidate();
    this.#sectors.begin();
    if (this.phase !== PHASE.EXECUTION || this.data_dir === DIR.WRITE || !(this.msr & MSR.NONDMA)) return;
    this.#sectors.loading = true;
    this.#fetch(() => (this.#sectors.loading = false));
  }

  /** Source: fdctrl_reset. */
  resetController(interrupts: boolean): void {
    this.resetIrq();
    this.sra = this.drives[1]!.there ? 0 : SRA_nDRV2;
    this.srb = SRB_RESET;
    this.cur_drv = 0;
    this.dor = DOR.nRESET | DOR.DMAEN;
    this.msr = MSR.RQM;
    this.reset_sensei = 0;
    this.#resultTimer.del();
    this.#sectors.begin();
    this.data_state = 0;
    for (const drive of this.drives) drive.recalibrate();
    this.#toCommandPhase();
    if (!interrupts) return;
    this.status0 |= SR0.RDYCHG;
    this.raiseIrq();
    this.reset_sensei = FD_RESET_SENSEI_COUNT;
  }

  raiseIrq(): void {
    if (!(this.sra & SRA_INTPEND)) this.#irq(1);
    this.sra |= SRA_INTPEND;
    this.reset_sensei = 0;
  }
  resetIrq(): void {
    this.status0 = 0;
    if (!(this.sra & SRA_INTPEND)) return;
    this.#irq(0);
    this.sra &= ~SRA_INTPEND;
  }

  // Registers.

  #read(register: number): number {
    switch (register) {
      case 1:
        return this.srb;
      case 2:
        return this.dor | this.cur_drv;
      case 3:
        return this.tdr;
      case 4:
        this.dsr &= ~DSR.PWRDOWN;
        this.dor |= DOR.nRESET;
        return this.#sectors.loading ? this.msr & ~MSR.RQM : this.msr;
      case 5:
        return this.#readData();
      case 7:
        return this.current.media_changed ? DIR_DSKCHG : 0;
      default:
        return register === 0 ? this.sra : 0xff;
    }
  }

  #write(register: number, value: number): void {
    const inReset = !(this.dor & DOR.nRESET);
    if (register === 2) this.#writeDor(value);
    else if (inReset) return;
    else if (register === 3) this.tdr = value & TDR_BOOTSEL;
    else if (register === 4) {
      if (value & (DSR.SWRESET | DSR.PWRDOWN)) this.resetController(true);
      this.dsr = value;
    } else if (register === 5) this.#writeData(value);
    else if (register === 7) this.dsr = (this.dsr & ~DSR.DRATEMASK) | (value & DSR.DRATEMASK);
  }

  #writeDor(value: number): void {
    this.srb &= ~(SRB.MTR0 | SRB.MTR1 | SRB.DR0);
    if (value & DOR.MOTEN0) this.srb |= SRB.MTR0;
    if (value & DOR.MOTEN1) this.srb |= SRB.MTR1;
    if (value & 1) this.srb |= SRB.DR0;
    if (value & DOR.nRESET && !(this.dor & DOR.nRESET)) {
      this.resetController(true);
      this.dsr &= ~DSR.PWRDOWN;
    }
    this.cur_drv = value & DOR.SELMASK;
    this.dor = value;
  }

  // Phases.

  #toCommandPhase(): void {
    this.phase = PHASE.COMMAND;
    this.data_dir = DIR.WRITE;
    this.data_pos = 0;
    this.data_len = 1;
    this.msr = (this.msr & ~(MSR.CMDBUSY | MSR.DIO)) | MSR.RQM;
  }
  /** A command is over, and nothing is to be read. */
  done(): void {
    this.#toCommandPhase();
  }
  /** A command is over: these bytes are to be read; without, what lies in the FIFO. */
  result(length: number, ...bytes: readonly number[]): void {
    this.fifo.set(bytes);
    this.phase = PHASE.RESULT;
    this.data_dir = DIR.READ;
    this.data_len = length;
    this.data_pos = 0;
    this.msr |= MSR.CMDBUSY | MSR.RQM | MSR.DIO;
  }

  /** The end of a transfer, good or bad. Source: fdctrl_stop_transfer. */
  stop(status0: number, status1 = 0, status2 = 0): void {
    const { head, track, sect } = this.current;
    this.status0 = (this.status0 & ~SR0_PLACE) | this.cur_drv | (head ? SR0.HEAD : 0) | status0;
    if (!(this.msr & MSR.NONDMA)) this.#dma.releaseDREQ(DMA_CHANNEL);
    this.msr &= ~MSR.NONDMA;
    this.result(7, this.status0, status1, status2, track, head, sect, FD_SECTOR_SC);
    this.raiseIrq();
  }
  /** The same, with the place that was asked for. */
  #refuse(status1: number, track: number, head: number, sect: number): void {
    this.stop(SR0.ABNTERM, status1);
    this.fifo.set([track, head, sect], 3);
  }

  /** Source: fdctrl_seek_to_next_sect. Returns whether there is one. */
  #seekNext(drive: FloppyDrive): boolean {
    let { head, track, sect } = drive;
    let more = true;
    if (sect < drive.last_sect && sect !== this.eot) sect++;
    else {
      sect = 1;
      if (this.data_state & STATE_MULTI && head === 0 && drive.doubleSided) head = 1;
      else {
        more = (this.data_state & STATE_MULTI) !== 0 && drive.doubleSided;
        if (this.data_state & STATE_MULTI) head = 0;
        track = (track + 1) & 0xff;
        this.status0 |= SR0.SEEK;
      }
    }
    drive.seek(head, track, sect);
    return more;
  }

  /** Source: fdctrl_start_transfer. @param direction DIR.* */
  start(direction: number): void {
    const { fifo } = this;
    this.cur_drv = fifo[1]! & DOR.SELMASK;
    const drive = this.current;
    const [track, head, sect] = [fifo[2]!, fifo[3]!, fifo[4]!];
    const seek = drive.seek(head, track, sect);
    if (seek === SEEK_NO_TRACK) return this.#refuse(0, track, head, sect);
    if (seek === SEEK_NO_SECTOR) return this.#refuse(SR1.EC, track, head, sect);
    if (seek === SEEK_MOVED) this.status0 |= SR0.SEEK;
    if ((this.dsr & DSR.DRATEMASK) !== drive.media_rate) return this.#refuse(SR1.MA, track, head, sect);
    this.data_dir = direction;
    this.data_pos = 0;
    const multi = (fifo[0]! & 0x80) !== 0;
    this.data_state = multi ? this.data_state | STATE_MULTI : this.data_state & ~STATE_MULTI;
    if (fifo[5] === 0) this.data_len = fifo[8]!;
    else {
      const sectors = fifo[6]! - sect + 1;
      if (sectors < 0) return this.#refuse(SR1.MA, track, head, sect);
      this.data_len = (128 << Math.min(fifo[5]!, 7)) * (sectors + (multi ? fifo[6]! : 0));
    }
    this.eot = fifo[6]!;
    this.#sectors.begin();
    this.msr &= ~MSR.RQM;
    if (this.dor & DOR.DMAEN) {
      this.#fetch(() => {
        if (direction === DIR.VERIFY) this.#move(DMA_CHANNEL, this.data_len);
        else this.#dma.holdDREQ(DMA_CHANNEL);
      });
      return;
    }
    const begin = (): void => {
      this.msr |= MSR.NONDMA | MSR.RQM | (direction === DIR.WRITE ? 0 : MSR.DIO);
      this.raiseIrq();
    };
    if (direction === DIR.WRITE) begin();
    else this.#fetch(begin);
  }

  // Sectors.

  #fetch(then: () => void): void {
    this.#sectors.fetch(this.current, this.data_len, then);
  }
  #store(drive: FloppyDrive): void {
    this.#sectors.store(drive, this.fifo, () => this.stop(SR0.ABNTERM | SR0.SEEK));
  }

  /** The transfer ends when all is written. */
  #finish(status2 = 0): void {
    this.#sectors.whenWritten(() => {
      this.#sectors.begin();
      this.stop(0, 0, status2);
    });
  }

  // Data.

  /** All of a transfer by DMA. Returns its place then. Source: fdctrl_transfer_handler. */
  #move(channel: number, length: number): number {
    if (this.msr & MSR.RQM) return 0;
    if (this.#sectors.waits) return this.data_pos;
    const drive = this.current;
    const scans = this.data_dir === DIR.SCANE || this.data_dir === DIR.SCANL || this.data_dir === DIR.SCANH;
    let found = false;
    const end = Math.min(length, this.data_len);
    while (this.data_pos < end) {
      const at = this.data_pos % FD_SECTOR_LEN;
      const piece = this.fifo.subarray(at, at + Math.min(end - this.data_pos, FD_SECTOR_LEN - at));
      if (this.data_dir !== DIR.WRITE || piece.length < FD_SECTOR_LEN) this.#sectors.load(drive, this.fifo);
      if (this.data_dir === DIR.READ) this.#dma.writeMemory(channel, piece, this.data_pos);
      else if (this.data_dir === DIR.WRITE) {
        if (drive.ro) {
          this.stop(SR0.ABNTERM | SR0.SEEK, SR1.NW);
          return piece.length;
        }
        this.#dma.readMemory(channel, piece, this.data_pos);
        this.#store(drive);
      } else if (scans) found = this.#scan(channel, piece);
      if (found) break;
      this.data_pos += piece.length;
      if (this.data_pos % FD_SECTOR_LEN === 0 && !this.#seekNext(drive)) break;
    }
    const moved = this.data_pos;
    // As QEMU: a scan has always found it.
    this.#finish(scans ? SR2_SEH : 0);
    return moved;
  }

  /** Compares with memory: whether it is as wanted. */
  #scan(channel: number, disk: Uint8Array): boolean {
    const wanted = new Uint8Array(disk.length);
    this.#dma.readMemory(channel, wanted, this.data_pos);
    const at = wanted.findIndex((byte, i) => byte !== disk[i]);
    if (at < 0) return true;
    const less = wanted[at]! < disk[at]!;
    return (less && this.data_dir === DIR.SCANL) || (!less && this.data_dir === DIR.SCANH);
  }

  /** Source: fdctrl_read_data. */
  #readData(): number {
    this.dsr &= ~DSR.PWRDOWN;
    if (!(this.msr & MSR.RQM) || !(this.msr & MSR.DIO) || this.#sectors.loading) return 0;
    const at = this.data_pos % FD_SECTOR_LEN;
    const executing = this.phase === PHASE.EXECUTION;
    if (executing && at === 0) {
      if (this.data_pos !== 0 && !this.#seekNext(this.current)) return 0;
      this.#sectors.load(this.current, this.fifo);
    }
    const value = this.fifo[at]!;
    if (++this.data_pos !== this.data_len) return value;
    this.msr &= ~MSR.RQM;
    if (executing) this.#finish();
    else {
      this.#toCommandPhase();
      this.resetIrq();
    }
    return value;
  }

  /** Source: fdctrl_write_data. */
  #writeData(value: number): void {
    if (!(this.msr & MSR.RQM) || this.msr & MSR.DIO) return;
    this.dsr &= ~DSR.PWRDOWN;
    const at = this.data_pos++ % FD_SECTOR_LEN;
    this.fifo[at] = value;
    const last = this.data_pos === this.data_len;
    if (last) this.msr &= ~MSR.RQM;
    if (this.phase === PHASE.EXECUTION) {
      if (at === FD_SECTOR_LEN - 1 || last) {
        // QEMU goes no farther either.
        if (this.current.ro) return;
        this.#store(this.current);
        if (!this.#seekNext(this.current) && !last) return;
      }
      if (last) this.#finish();
      return;
    }
    if (this.phase !== PHASE.COMMAND) return;
    if (at === 0) {
      const { parameters } = commandOf(value);
      this.data_len = parameters + 1;
      this.msr |= MSR.CMDBUSY | (parameters > 0 ? MSR.RQM : 0);
    }
    if (this.data_pos === this.data_len) {
      this.phase = PHASE.EXECUTION;
      commandOf(this.fifo[0]!).run(this);
    }
  }

  /** READ ID: the next sector passes by. */
  readId(): void {
    // From QEMU 11 on it selects the drive; before, it read the one that was selected.
    this.cur_drv = this.fifo[1]! & DOR.SELMASK;
    this.current.head = (this.fifo[1]! >> 2) & 1;
    this.#resultTimer.mod(this.#now() + READ_ID_NS);
  }
  /** Source: fdctrl_result_timer. */
  #readIdDone(): void {
    const drive = this.current;
    // From QEMU 11 on; before, an empty drive had sectors too.
    if (!drive.inserted) return this.stop(SR0.ABNTERM, SR1.MA);
    if (drive.last_sect !== 0) drive.sect = (drive.sect % drive.last_sect) + 1;
    if ((this.dsr & DSR.DRATEMASK) !== drive.media_rate) this.stop(SR0.ABNTERM, SR1.MA);
    else this.stop(0);
  }
}
