/**
 * The state that CPR (live update) hands to the new QEMU on its own channel: which open descriptors are which.
 *
 *   file ::= "QCPR" version:u32 CprState          no section header around it
 *
 * Source: QEMU migration/cpr.c, include/migration/cpr.h, hw/vfio/cpr-iommufd.c (10.0 and later).
 */
import type { Problem } from './problem.ts';
import { QemuFileReader } from './qemu-file.ts';
import { readRange, type ByteSource } from './source.ts';
import { fixedText, i32, qtailq, u32 } from './vmstate-types.ts';
import {
  complaintProblem,
  fieldsOf,
  load,
  struct,
  type Codec,
  type Placed,
  type VMStateDescription
} from './vmstate.ts';

const MAGIC = 0x51435052;
const VERSION = 1;
/** Some hundred descriptors are a lot. */
const MAX_BYTES = 2 ** 20;
/** cpr-transfer sends this byte with the descriptor beside it (SCM_RIGHTS), cpr-exec the descriptor's number. */
const PASSED_BESIDE = 0x20;

export interface CprFd {
  namelen: number;
  /** RAM block, backend or device that the descriptor is for. */
  name: string;
  id: number;
  /** The descriptor's number; -1 where it went beside the stream. */
  fd: number;
}

export interface CprVfioDevice {
  namelen: number;
  name: string;
  devid: number;
  ioas_id: number;
  hwpt_id: number;
}

interface CprState {
  fds: CprFd[];
  vfio_devices: CprVfioDevice[];
}

/** vmstate_info_fd (migration/vmstate-types.c). */
const fd: Codec<number> = {
  type: 'fd',
  read(file) {
    if (file.peek() !== PASSED_BESIDE) return file.i32();
    file.skip(1);
    return -1;
  },
  write: (file, value) => (value < 0 ? file.u8(PASSED_BESIDE) : file.be32(value))
};

const cprFd = fieldsOf<CprFd>();
const vmstate_cpr_fd: VMStateDescription<CprFd> = {
  name: 'cpr fd',
  version: 1,
  minimumVersion: 1,
  fields: [
    cprFd('namelen', u32),
    cprFd('name', (s) => fixedText(s.namelen)),
    cprFd('id', i32),
    cprFd('fd', fd, { doc: '-1: the descriptor itself went beside the stream (SCM_RIGHTS).' })
  ]
};

const cprVfio = fieldsOf<CprVfioDevice>();
const vmstate_cpr_vfio_device: VMStateDescription<CprVfioDevice> = {
  name: 'cpr vfio device',
  version: 1,
  minimumVersion: 1,
  fields: [
    cprVfio('namelen', u32),
    cprVfio('name', (s) => fixedText(s.namelen)),
    cprVfio('devid', i32),
    cprVfio('ioas_id', u32),
    cprVfio('hwpt_id', u32)
  ]
};

const cprState = fieldsOf<CprState>();
const vmstate_cpr_state: VMStateDescription<CprState> = {
  name: 'CprState',
  version: 1,
  minimumVersion: 1,
  fields: [cprState('fds', qtailq(struct(vmstate_cpr_fd), 'qlist'))],
  subsections: [
    {
      name: 'CprState/vfio devices',
      version: 1,
      minimumVersion: 1,
      fields: [cprState('vfio_devices', qtailq(struct(vmstate_cpr_vfio_device), 'qlist'))],
      doc: 'VFIO devices that keep their mappings (since 10.1)'
    }
  ]
};

export interface CprFile {
  readonly fds: readonly Readonly<CprFd>[];
  readonly vfioDevices: readonly Readonly<CprVfioDevice>[];
  readonly fields: readonly Placed[];
  readonly problems: readonly Problem[];
}

/** Reads a CPR state file. Never throws for bad input. */
export async function readCpr(source: ByteSource): Promise<CprFile> {
  const file = new QemuFileReader(await readRange(source, 0, MAX_BYTES));
  const fields: Placed[] = [];
  const problems: Problem[] = [];
  const complain = (at: number, message: string): void => {
    problems.push({ code: 'cpr-state', severity: 'fatal', section: 'CprState/0', at, message });
  };
  const nothing = { fds: [], vfioDevices: [], fields, problems };
  for (const [name, expected, refusal] of [
    ['magic', MAGIC, 'Not a migration stream (bad magic'],
    ['version', VERSION, 'Unsupported migration stream version (']
  ] as const) {
    if (file.left < 4) {
      complain(file.offset, 'the file ends in its header');
      return nothing;
    }
    const start = file.offset;
    const value = file.be32();
    fields.push({ name, type: 'uint32', start, end: file.offset, value, about: { radix: 16 } });
    if (value !== expected) {
      complain(start, `${refusal} ${value.toString(16)})`);
      return nothing;
    }
  }
  const { state, fields: rows, complaints, failure } = load(file, vmstate_cpr_state, 1);
  for (const c of complaints) problems.push(complaintProblem(c, 'CprState/0'));
  if (failure) complain(failure.at, failure.message);
  else if (file.left > 0) complain(file.offset, `${file.left} bytes behind the end`);
  return { fds: state.fds ?? [], vfioDevices: state.vfio_devices ?? [], fields: [...fields, ...rows], problems };
}
