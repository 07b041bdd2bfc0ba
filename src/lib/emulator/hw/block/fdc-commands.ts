/** The commands of the floppy controller. Source: QEMU hw/block/fdc.c (handlers); Intel 82078 datasheet, chapter 5. */
import type { ISAFdc } from './fdc-controller.ts';
import { DIR, DOR, FD_RESET_SENSEI_COUNT, SR0, SRA_INTPEND } from './fdc-internal.ts';

interface FdcCommand {
  /** Bytes that follow the first. */
  readonly parameters: number;
  /** Does it when all parameters are in the FIFO. */
  readonly run: (fdc: ISAFdc) => void;
}

/** Intel 82078, stepping 1. */
const VERSION = 0x90;
const PART_ID = 0x41;

const select = (fdc: ISAFdc): void => {
  fdc.cur_drv = fdc.fifo[1]! & DOR.SELMASK;
};
const transfer =
  (direction: number) =>
  (fdc: ISAFdc): void =>
    fdc.start(direction);
/** There is no deleted data. */
const deleted = (fdc: ISAFdc): void => fdc.stop(SR0.ABNTERM | SR0.SEEK);
const unimplemented = (fdc: ISAFdc): void => fdc.result(1, SR0.INVCMD);

function seekTo(fdc: ISAFdc, track: number): void {
  const { current } = fdc;
  fdc.done();
  current.seek(current.head, track, current.sect);
  fdc.status0 |= SR0.SEEK;
  fdc.raiseIrq();
}

function senseInterruptStatus(fdc: ISAFdc): void {
  let status: number = SR0.INVCMD;
  if (fdc.reset_sensei > 0) status = SR0.RDYCHG + FD_RESET_SENSEI_COUNT - fdc.reset_sensei--;
  else if (!(fdc.sra & SRA_INTPEND)) return fdc.result(1, status);
  else status = (fdc.status0 & ~0x07) | fdc.cur_drv;
  fdc.result(2, status, fdc.current.track);
  fdc.resetIrq();
  fdc.status0 = SR0.RDYCHG;
}

function driveSpecification(fdc: ISAFdc): void {
  const { fifo } = fdc;
  const last = fifo[(fdc.data_pos - 1) % fifo.length]!;
  if (last & 0x80) {
    if (last & 0x40) fdc.result(4, fifo[1]!, fifo[1]!, 0, 0);
    else fdc.done();
  } else if (fdc.data_len > 7) fdc.result(1, 0x80 | (fdc.current.head << 2) | fdc.cur_drv);
}

function restore(fdc: ISAFdc): void {
  const { fifo, current } = fdc;
  fdc.drive(0).track = fifo[3]!;
  fdc.drive(1).track = fifo[4]!;
  [fdc.timer0, fdc.timer1] = [fifo[7]!, fifo[8]!];
  current.last_sect = fifo[9]!;
  fdc.lock = fifo[10]! >> 7;
  current.perpendicular = (fifo[10]! >> 2) & 0xf;
  [fdc.config, fdc.precomp_trk, fdc.pwrd] = [fifo[11]!, fifo[12]!, fifo[13]!];
  fdc.done();
}

/** First byte under a mask, parameters, what it does; the first that fits. */
const COMMANDS: readonly (readonly [value: number, mask: number, parameters: number, run: FdcCommand['run']])[] = [
  [0x06, 0x1f, 8, transfer(DIR.READ)],
  [0x05, 0x3f, 8, transfer(DIR.WRITE)],
  [
    ...([0x0f, 0xff, 2] as const),
    (fdc) => {
      select(fdc);
      seekTo(fdc, fdc.fifo[2]!);
    }
  ],
  [0x08, 0xff, 0, senseInterruptStatus],
  [
    ...([0x07, 0xff, 1] as const),
    (fdc) => {
      select(fdc);
      fdc.current.recalibrate();
      fdc.done();
      fdc.status0 |= SR0.SEEK;
      fdc.raiseIrq();
    }
  ],
  [
    ...([0x0d, 0xbf, 5] as const),
    (fdc) => {
      // As QEMU: it says that all went well, and writes nothing.
      select(fdc);
      fdc.data_state = (fdc.data_state & ~3) | (fdc.fifo[0]! >> 7);
      fdc.current.last_sect = fdc.fifo[3]!;
      fdc.stop(0);
    }
  ],
  [0x02, 0xbf, 8, transfer(DIR.READ)],
  [0x4e, 0xff, 17, restore],
  [
    ...([0x2e, 0xff, 0] as const),
    (fdc) => {
      const { current, timer0, timer1, lock, config, precomp_trk, pwrd } = fdc;
      const tracks = [fdc.drive(0).track, fdc.drive(1).track, 0, 0];
      const locks = (lock << 7) | (current.perpendicular << 2);
      fdc.result(15, 0, 0, ...tracks, timer0, timer1, current.last_sect, locks, config, precomp_trk, pwrd, 0, 0);
    }
  ],
  [0x0c, 0x1f, 8, deleted],
  [0x11, 0x1f, 8, transfer(DIR.SCANE)],
  [0x16, 0x1f, 8, transfer(DIR.VERIFY)],
  [0x19, 0x1f, 8, transfer(DIR.SCANL)],
  [0x1d, 0x1f, 8, transfer(DIR.SCANH)],
  [0x09, 0x3f, 8, deleted],
  [0x0a, 0xbf, 1, (fdc) => fdc.readId()],
  [
    ...([0x03, 0xff, 2] as const),
    (fdc) => {
      const { fifo } = fdc;
      fdc.timer0 = fifo[1]! >> 4;
      fdc.timer1 = fifo[2]! >> 1;
      fdc.dor = fifo[2]! & 1 ? fdc.dor & ~DOR.DMAEN : fdc.dor | DOR.DMAEN;
      fdc.done();
    }
  ],
  [
    ...([0x04, 0xff, 1] as const),
    (fdc) => {
      select(fdc);
      const drive = fdc.current;
      drive.head = (fdc.fifo[1]! >> 2) & 1;
      fdc.result(1, (drive.ro ? 0x40 : 0) | (drive.track === 0 ? 0x10 : 0) | (drive.head << 2) | fdc.cur_drv | 0x28);
    }
  ],
  [
    ...([0x12, 0xff, 1] as const),
    (fdc) => {
      if (fdc.fifo[1]! & 0x80) fdc.current.perpendicular = fdc.fifo[1]! & 7;
      fdc.done();
    }
  ],
  [
    ...([0x13, 0xff, 3] as const),
    (fdc) => {
      [fdc.config, fdc.precomp_trk] = [fdc.fifo[2]!, fdc.fifo[3]!];
      fdc.done();
    }
  ],
  [
    ...([0x17, 0xff, 2] as const),
    (fdc) => {
      fdc.pwrd = fdc.fifo[1]!;
      fdc.result(1, fdc.pwrd);
    }
  ],
  [0x33, 0xff, 1, (fdc) => fdc.done()],
  [0x8e, 0xff, 5, driveSpecification],
  [
    ...([0x8f, 0xff, 2] as const),
    (fdc) => {
      select(fdc);
      seekTo(fdc, Math.max(0, fdc.current.track - fdc.fifo[2]!));
    }
  ],
  [0xcd, 0xff, 10, unimplemented],
  [
    ...([0xcf, 0xff, 2] as const),
    (fdc) => {
      select(fdc);
      const { track, max_track } = fdc.current;
      const wanted = track + fdc.fifo[2]!;
      seekTo(fdc, (wanted >= max_track ? max_track - 1 : wanted) & 0xff);
    }
  ],
  [
    ...([0x14, 0x7f, 0] as const),
    (fdc) => {
      fdc.lock = fdc.fifo[0]! >> 7;
      fdc.result(1, fdc.lock << 4);
    }
  ],
  [
    ...([0x0e, 0xff, 0] as const),
    (fdc) => {
      const { current, timer0, timer1, dor, lock, config, precomp_trk } = fdc;
      const tracks = [fdc.drive(0).track, fdc.drive(1).track, 0, 0];
      const timers = [timer0, (timer1 << 1) | (dor & DOR.DMAEN ? 1 : 0)];
      const locks = (lock << 7) | (current.perpendicular << 2);
      fdc.result(10, ...tracks, ...timers, current.last_sect, locks, config, precomp_trk);
    }
  ],
  [0x10, 0xff, 0, (fdc) => fdc.result(1, VERSION)],
  [0x18, 0xff, 0, (fdc) => fdc.result(1, PART_ID)],
  // Not in the datasheet: BeOS writes so.
  [0x05, 0x1f, 8, transfer(DIR.WRITE)]
];

const byFirstByte = Array.from({ length: 256 }, (_, byte): FdcCommand => {
  const [, , parameters, run] = COMMANDS.find(([value, mask]) => (byte & mask) === value) ?? [0, 0, 0, unimplemented];
  return { parameters, run };
});

/** @param byte the first of a command */
export const commandOf = (byte: number): FdcCommand => byFirstByte[byte]!;
