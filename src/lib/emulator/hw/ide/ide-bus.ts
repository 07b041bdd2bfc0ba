/**
 * A channel with two drives and its ports. Source: QEMU hw/ide/core.c (ide_ioport_read, ide_ioport_write,
 * ide_bus_perform_srst), hw/ide/ide-bus.c.
 */
import type { IOPortSpace } from '../../system/ioport.ts';
import type { QEMUClock, QEMUTimer } from '../../util/qemu-timer.ts';
import type { Irq } from '../core/irq.ts';
import { ATAPIDrive } from './atapi.ts';
import type { IDEBus } from './core.ts';
import { diagnose, execute } from './ide-commands.ts';
import { IDEDrive } from './ide-dev.ts';
import { BUSY_STAT, DRQ_STAT, type IDEDMA, type IDEDriveBus, type IDEDriveOptions } from './ide-registers.ts';

const CTRL_DISABLE_IRQ = 0x02;
const CTRL_RESET = 0x04;
const CTRL_HOB = 0x80;

export interface IDEBusOptions {
  readonly clock: QEMUClock;
  readonly irq: Irq;
  readonly dma: IDEDMA;
  /** First and second drive. */
  readonly drives: readonly (IDEDriveOptions | undefined)[];
  /** Number of the first drive in the machine, from 1 on. */
  readonly firstNumber: number;
}

export class IDEChannel implements IDEBus, IDEDriveBus {
  readonly dma: IDEDMA;
  cmd = 0;
  unit = 0;
  readonly ifs: IDEDrive[];
  error_status = 0;
  retry_sector_num = 0n;
  retry_nsector = 0;
  retry_unit = 0;
  readonly #irq: Irq;
  readonly #clock: QEMUClock;
  /** A software reset is done a moment after it was asked for, so that it can be seen that the drives are busy. */
  readonly #reset: QEMUTimer;

  constructor({ clock, irq, dma, drives, firstNumber }: IDEBusOptions) {
    this.#irq = irq;
    this.dma = dma;
    this.#clock = clock;
    this.#reset = clock.timer(() => this.#softReset());
    this.ifs = [0, 1].map((unit) => {
      const options = drives[unit];
      return options?.kind === 'cd'
        ? new ATAPIDrive(this, unit, firstNumber + unit, options)
        : new IDEDrive(this, unit, firstNumber + unit, options);
    });
    for (const drive of this.ifs) drive.reset();
  }

  get active(): IDEDrive {
    return this.ifs[this.unit & 1]!;
  }
  /** No drive at all: registers read 0. */
  get #isEmpty(): boolean {
    return !this.ifs.some(({ blk }) => blk);
  }
  /** The second drive is selected and there is none. */
  get #isAbsent(): boolean {
    return this.#isEmpty || (this.unit === 1 && !this.active.blk);
  }

  setIrq(): void {
    if (!(this.cmd & CTRL_DISABLE_IRQ)) this.#irq(1);
  }

  /** Ports of the command block and of the control register. Source: ide_init_ioport. */
  addPorts(ports: IOPortSpace, base: number, control: number): void {
    ports.registerList(base, 'ide', [
      {
        offset: 0,
        len: 8,
        size: 1,
        read: (port) => this.readPort(port & 7),
        write: (port, v) => this.writePort(port & 7, v)
      },
      { offset: 0, len: 1, size: 2, read: () => this.active.readData(2), write: (_, v) => this.active.writeData(v, 2) },
      { offset: 0, len: 1, size: 4, read: () => this.active.readData(4), write: (_, v) => this.active.writeData(v, 4) }
    ]);
    ports.registerList(control, 'ide', [
      { offset: 0, len: 1, size: 1, read: () => this.#status(), write: (_, value) => this.#writeControl(value) }
    ]);
  }

  #status(): number {
    return this.#isAbsent ? 0 : this.active.status;
  }

  /** @param register 0 to 7 */
  readPort(register: number): number {
    const drive = this.active;
    const high = (this.cmd & CTRL_HOB) !== 0;
    switch (register) {
      case 0:
        return drive.readData(2) & 0xff;
      case 1:
        return this.#isAbsent ? 0 : high ? drive.hob_feature : drive.error;
      case 7: {
        const status = this.#status();
        this.#irq(0);
        return status;
      }
    }
    if (this.#isEmpty) return 0;
    switch (register) {
      case 2:
        return high ? drive.hob_nsector : drive.nsector & 0xff;
      case 3:
        return high ? drive.hob_sector : drive.sector;
      case 4:
        return high ? drive.hob_lcyl : drive.lcyl;
      case 5:
        return high ? drive.hob_hcyl : drive.hcyl;
      default:
        return drive.select;
    }
  }

  /** Both drives hear every register. */
  writePort(register: number, value: number): void {
    if (register !== 7 && this.active.status & (BUSY_STAT | DRQ_STAT)) return;
    if (register === 0) return;
    this.cmd &= ~CTRL_HOB;
    if (register === 7) {
      this.#irq(0);
      if (!(this.unit === 1 && !this.active.blk)) execute(this.active, value);
      return;
    }
    if (register === 6) this.unit = (value >> 4) & 1;
    for (const drive of this.ifs) writeRegister(drive, register, value);
  }

  #writeControl(value: number): void {
    if (!(this.cmd & CTRL_RESET) && value & CTRL_RESET) {
      for (const drive of this.ifs) drive.status |= BUSY_STAT;
      this.#reset.mod(this.#clock.now());
    }
    this.cmd = value;
  }

  /** Source: ide_perform_srst. */
  #softReset(): void {
    for (const drive of this.ifs) {
      drive.transferStop();
      drive.reset();
      diagnose(drive);
    }
    this.cmd &= ~CTRL_RESET;
  }

  /** Source: ide_bus_reset. */
  reset(): void {
    this.#reset.del();
    for (const drive of this.ifs) drive.reset();
    this.unit = 0;
    this.cmd = 0;
  }

  preLoad(): void {
    this.#reset.del();
    this.error_status = 0;
    for (const drive of this.ifs) {
      drive.cancel();
      drive.tray_open = drive.tray_locked = false;
      drive.events.new_media = drive.events.eject_request = false;
    }
  }

  /** A reset that was asked for is done; what an image has not finished is noted, to be done again elsewhere. */
  preSave(): void {
    if (this.#reset.pending) {
      this.#reset.del();
      this.#softReset();
    }
    for (const drive of this.ifs) this.error_status ||= drive.pendingRetry;
  }

  postLoad(): string | undefined {
    this.unit &= 1;
    return this.ifs[0]!.postLoad() ?? this.ifs[1]!.postLoad();
  }

  /** Source: ide_restart_bh. */
  vmStateChange(running: boolean): void {
    if (!running || this.error_status === 0) return;
    const what = this.error_status;
    this.error_status = 0;
    if (this.active.pendingRetry === 0) this.active.retry(what);
  }
}

/** What was there before becomes the high-order byte. */
function writeRegister(drive: IDEDrive, register: number, value: number): void {
  switch (register) {
    case 1:
      drive.hob_feature = drive.feature;
      drive.feature = value;
      return;
    case 2:
      drive.hob_nsector = drive.nsector & 0xff;
      drive.nsector = value;
      return;
    case 3:
      drive.hob_sector = drive.sector;
      drive.sector = value;
      return;
    case 4:
      drive.hob_lcyl = drive.lcyl;
      drive.lcyl = value;
      return;
    case 5:
      drive.hob_hcyl = drive.hcyl;
      drive.hcyl = value;
      return;
    case 6:
      drive.select = value | 0xa0;
  }
}
