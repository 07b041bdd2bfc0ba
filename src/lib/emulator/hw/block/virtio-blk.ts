/** The virtio disk. Source: QEMU hw/block/virtio-blk.c; virtio 1.2 section 5.2. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { qtailq, u32 } from '../../../vmstate/vmstate-types.ts';
import type { BlockBackend } from '../../block/block-backend.ts';
import { SECTOR_SIZE, type BlockError } from '../../block/block-driver.ts';
import { guessGeometry, type HDGeometry } from '../../block/hd-geometry.ts';
import type { DeviceHost } from '../core/qdev.ts';
import { reg16, reg32, reg64, reg8 } from '../core/register.ts';
import { virtioSection } from '../virtio/virtio-bus.ts';
import { bit, VirtioDevice } from '../virtio/virtio-device.ts';
import {
  elementOf,
  segmentsOf,
  VIRTIO_F_ANY_LAYOUT,
  VIRTIO_F_VERSION_1,
  virtQueueElement,
  type ElementSegments,
  type Segment,
  type VirtQueueElement,
  type VirtIODevice
} from '../virtio/virtio.ts';
import { lengthOf, readSegments, skipSegments, writeSegments, type VirtioRing } from '../virtio/virtqueue.ts';

export interface VirtIOBlockReq {
  vq_idx: number;
  elem: VirtQueueElement;
}
export interface VirtIOBlock extends VirtIODevice {
  rq: VirtIOBlockReq[];
}

/** struct virtio_blk_config. */
const CONFIG = [
  reg64(0, 'capacity', { doc: 'in units of 512 bytes', unit: 'sectors' }),
  reg32(8, 'size_max', { unit: 'bytes' }),
  reg32(12, 'seg_max', { doc: 'Buffers in a request' }),
  reg16(16, 'geometry.cylinders'),
  reg8(18, 'geometry.heads'),
  reg8(19, 'geometry.sectors'),
  reg32(20, 'blk_size', { unit: 'bytes' }),
  reg8(24, 'physical_block_exp'),
  reg8(25, 'alignment_offset'),
  reg16(26, 'min_io_size'),
  reg32(28, 'opt_io_size'),
  reg8(32, 'wce', { doc: 'Write cache', values: { 0: 'write through', 1: 'write back' } }),
  reg8(33, 'unused'),
  reg16(34, 'num_queues'),
  reg32(36, 'max_discard_sectors', { unit: 'sectors' }),
  reg32(40, 'max_discard_seg'),
  reg32(44, 'discard_sector_alignment', { unit: 'sectors' }),
  reg32(48, 'max_write_zeroes_sectors', { unit: 'sectors' }),
  reg32(52, 'max_write_zeroes_seg'),
  reg8(56, 'write_zeroes_may_unmap'),
  reg32(60, 'max_secure_erase_sectors', { unit: 'sectors' }),
  reg32(64, 'max_secure_erase_seg'),
  reg32(68, 'secure_erase_sector_alignment', { unit: 'sectors' })
];

const r = fieldsOf<VirtIOBlockReq>();
const request = (queues: number): VMStateDescription<VirtIOBlockReq> => ({
  name: 'VirtIOBlockReq',
  version: 0,
  minimumVersion: 0,
  fields: [
    r('vq_idx', u32, {
      doc: 'Queue it came from',
      when: () => queues > 1,
      check: (s) =>
        s.vq_idx >= queues ? `Invalid virtqueue index in request list: 0x${s.vq_idx.toString(16)}` : undefined
    }),
    r('elem', virtQueueElement)
  ]
});

const d = fieldsOf<VirtIOBlock>();
export const vmstate_virtio_blk = virtioSection<VirtIOBlock>({
  name: 'virtio-blk',
  version: 2,
  features: [
    { name: 'BARRIER', bit: 0 },
    { name: 'SIZE_MAX', bit: 1 },
    { name: 'SEG_MAX', bit: 2 },
    { name: 'GEOMETRY', bit: 4 },
    { name: 'RO', bit: 5, doc: 'read-only' },
    { name: 'BLK_SIZE', bit: 6 },
    { name: 'SCSI', bit: 7 },
    { name: 'FLUSH', bit: 9 },
    { name: 'TOPOLOGY', bit: 10 },
    { name: 'CONFIG_WCE', bit: 11 },
    { name: 'MQ', bit: 12, doc: 'more than one queue' },
    { name: 'DISCARD', bit: 13 },
    { name: 'WRITE_ZEROES', bit: 14 },
    { name: 'LIFETIME', bit: 15 },
    { name: 'SECURE_ERASE', bit: 16 },
    { name: 'ZONED', bit: 17 }
  ],
  config: CONFIG,
  fields: [
    d('rq', (s) => qtailq(struct(request(s.num)), 'VirtIOBlockReq'), {
      doc: 'Requests that failed or were held back; they are started again when the machine goes on'
    })
  ]
});

const F_SEG_MAX = 2n;
const F_GEOMETRY = 4n;
const F_RO = 5n;
const F_BLK_SIZE = 6n;
const F_SCSI = 7n;
const F_FLUSH = 9n;
const F_TOPOLOGY = 10n;
const F_CONFIG_WCE = 11n;
const F_MQ = 12n;
const F_DISCARD = 13n;
const F_WRITE_ZEROES = 14n;

/** Request types; the lowest bit says that the device reads. */
const T_OUT = 1;
const T_SCSI_CMD = 2;
const T_FLUSH = 4;
const T_GET_ID = 8;
const T_DISCARD = 11;
const T_WRITE_ZEROES = 13;
const T_BARRIER = 0x8000_0000;

const S_OK = 0;
const S_IOERR = 1;
const S_UNSUPP = 2;

const HEADER = 16;
const ID_BYTES = 20;
const WRITE_ZEROES_UNMAP = 1;
/** BDRV_REQUEST_MAX_SECTORS. */
const MAX_SECTORS = 0x7fff_ffff >> 9;
/** Bytes that go through the host's memory at a time. */
const PIECE = 1 << 20;
const QUEUE_SIZE = 256;

export interface VirtIOBlkOptions {
  readonly blk: BlockBackend;
  readonly numQueues?: number;
  readonly queueSize?: number;
  /** Machine types before 5.0 have a fixed seg_max. */
  readonly segMaxAdjust?: boolean;
  /** Machine types before 4.0 have neither. */
  readonly discard?: boolean;
  readonly writeZeroes?: boolean;
  readonly queueReset?: boolean;
  readonly serial?: string;
}

/** A request that was taken and not answered yet. */
interface Request {
  readonly ring: VirtioRing;
  readonly element: ElementSegments;
  /** Bytes that will have been written: all that the driver gave room for. */
  readonly inLength: number;
  readonly status: number;
  /** The device was reset meanwhile: the driver has the memory back. */
  cancelled: boolean;
}

export class VirtIOBlk extends VirtioDevice implements VirtIOBlock {
  readonly name = 'virtio-blk';
  readonly blk: BlockBackend;
  readonly #options: VirtIOBlkOptions;
  readonly #inFlight = new Set<Request>();
  /** Requests of a loaded state, or held back by an error: started when the machine goes on. */
  #held: VirtIOBlockReq[] = [];
  readonly #originalCache: boolean;
  #geometry: HDGeometry;

  constructor(host: DeviceHost, options: VirtIOBlkOptions) {
    const { discard = true, writeZeroes = true, queueReset = true, numQueues = 1, queueSize = QUEUE_SIZE } = options;
    super(host, { deviceId: 2, configLength: writeZeroes ? 57 : discard ? 48 : 36, queueReset });
    this.#options = options;
    this.blk = options.blk;
    this.#originalCache = this.blk.writeCache;
    this.#geometry = guessGeometry(this.blk.sectors);
    this.host_features |=
      bit(F_CONFIG_WCE) | (discard ? bit(F_DISCARD) : 0n) | (writeZeroes ? bit(F_WRITE_ZEROES) : 0n);
    for (let i = 0; i < numQueues; i++) this.addQueue(queueSize, (ring) => this.#handleQueue(ring));
  }

  /** In the order in which they will be started. */
  get rq(): VirtIOBlockReq[] {
    const underWay = [...this.#inFlight].map(({ ring, element }) => ({ vq_idx: ring.index, elem: elementOf(element) }));
    return [...this.#held, ...underWay];
  }
  set rq(loaded: VirtIOBlockReq[]) {
    this.#held = loaded;
  }

  /** Source: virtio_blk_get_features. */
  protected override getFeatures(features: bigint): bigint {
    let all = features | bit(F_SEG_MAX) | bit(F_GEOMETRY) | bit(F_TOPOLOGY) | bit(F_BLK_SIZE) | bit(F_FLUSH);
    if (!((features >> VIRTIO_F_VERSION_1) & 1n)) all = (all & ~bit(VIRTIO_F_ANY_LAYOUT)) | bit(F_SCSI);
    if (this.blk.readOnly) all |= bit(F_RO);
    if (this.rings.length > 1) all |= bit(F_MQ);
    return all;
  }

  protected override statusWritten(status: number): void {
    // A driver that cannot set the cache mode and does not flush must not be left with a cache.
    if (status & 4 && !this.has(F_CONFIG_WCE)) this.blk.writeCache = this.has(F_FLUSH);
  }

  protected override onReset(): void {
    for (const request of this.#inFlight) request.cancelled = true;
    this.#inFlight.clear();
    this.#held = [];
    this.blk.cancelHeld();
    this.blk.writeCache = this.#originalCache;
  }

  /** Source: virtio_blk_update_config. */
  protected override getConfig(config: Uint8Array): void {
    const view = new DataView(new ArrayBuffer(60));
    const { queueSize = QUEUE_SIZE, segMaxAdjust = true } = this.#options;
    view.setBigUint64(0, BigInt(this.blk.sectors), true);
    view.setUint32(12, (segMaxAdjust ? queueSize : 128) - 2, true);
    view.setUint16(16, this.#geometry.cylinders, true);
    view.setUint8(18, this.#geometry.heads);
    view.setUint8(19, this.#geometry.sectors);
    view.setUint32(20, SECTOR_SIZE, true);
    view.setUint8(32, this.blk.writeCache ? 1 : 0);
    view.setUint16(34, this.rings.length, true);
    if (this.offers(F_DISCARD)) {
      view.setUint32(36, MAX_SECTORS, true);
      view.setUint32(40, 1, true);
      view.setUint32(44, 1, true);
    }
    if (this.offers(F_WRITE_ZEROES)) {
      view.setUint32(48, MAX_SECTORS, true);
      view.setUint32(52, 1, true);
      view.setUint8(56, 1);
    }
    config.set(new Uint8Array(view.buffer).subarray(0, config.length));
  }

  protected override configWritten(config: Uint8Array): void {
    this.blk.writeCache = config[32] !== 0;
  }

  /** What is under way belongs to the state that goes. */
  override preLoad(): void {
    super.preLoad();
    for (const request of this.#inFlight) request.cancelled = true;
    this.#inFlight.clear();
    this.#held = [];
    this.blk.cancelHeld();
  }

  /** A guest that was told of a read-only disk goes on with one. */
  override postLoad(): string | undefined {
    if (this.has(F_RO) && !this.offers(F_RO)) {
      this.host_features |= bit(F_RO);
      this.blk.setReadOnly();
    }
    return super.postLoad();
  }

  /** The guest goes on with the disk that it knows. */
  protected override loaded(): string | undefined {
    const view = new DataView(this.config.buffer, this.config.byteOffset, this.config.length);
    const capacity = this.config.length >= 20 ? Number(view.getBigUint64(0, true)) : 0;
    if (capacity === 0) return undefined;
    this.#geometry = { cylinders: view.getUint16(16, true), heads: view.getUint8(18), sectors: view.getUint8(19) };
    this.blk.expectSize(capacity * SECTOR_SIZE);
    if (!this.blk.isInserted || this.blk.sectors === capacity) return undefined;
    return `${this.blk.name} had ${capacity * SECTOR_SIZE} bytes, the image has ${this.blk.size}`;
  }

  override vmStateChange(running: boolean): void {
    super.vmStateChange(running);
    if (!running) return;
    const held = this.#held;
    this.#held = [];
    for (const { vq_idx, elem } of held) {
      const ring = this.rings[vq_idx ?? 0];
      if (ring && !this.#handleRequest(ring, segmentsOf(elem))) ring.detach();
    }
  }

  /** Source: virtio_blk_handle_vq. */
  #handleQueue(ring: VirtioRing): void {
    do {
      ring.setNotification(false);
      for (let element = ring.pop(); element; element = ring.pop()) {
        if (this.#handleRequest(ring, element)) continue;
        ring.detach();
        break;
      }
      ring.setNotification(true);
    } while (!ring.isEmpty);
  }

  /** Returns whether the request was well-formed. Source: virtio_blk_handle_request. */
  #handleRequest(ring: VirtioRing, element: ElementSegments): boolean {
    const fail = (message: string): boolean => {
      this.error(message);
      return false;
    };
    const last = element.in.at(-1);
    if (!last || element.out.length === 0) return fail('virtio-blk missing headers');
    const header = new Uint8Array(HEADER);
    if (readSegments(this.memory, element.out, header) < HEADER) return fail('virtio-blk request outhdr too short');
    const view = new DataView(header.buffer);
    const type = view.getUint32(0, true);
    const inLength = lengthOf(element.in);
    const status = last.addr + last.length - 1;
    const request: Request = { ring, element, inLength, status, cancelled: false };
    const out = skipSegments(element.out, HEADER);
    const in_ = [...element.in.slice(0, -1), { addr: last.addr, length: last.length - 1 }];
    switch ((type & ~T_BARRIER & ~T_OUT) >>> 0) {
      case 0:
        this.#transfer(request, Number(view.getBigUint64(8, true)), (type & T_OUT) !== 0, type & T_OUT ? out : in_);
        return true;
      case T_FLUSH:
        this.#inFlight.add(request);
        this.blk.flush((error) => this.#finish(request, false, error));
        return true;
      case T_SCSI_CMD:
        this.#refuseScsi(request);
        return true;
      case T_GET_ID: {
        const serial = new TextEncoder().encode(`${this.#options.serial ?? ''}\0`);
        writeSegments(this.memory, in_, serial.subarray(0, ID_BYTES));
        this.#complete(request, S_OK);
        return true;
      }
      case T_DISCARD & ~T_OUT:
      case T_WRITE_ZEROES & ~T_OUT: {
        const segment = new Uint8Array(16);
        if (!(type & T_OUT) || lengthOf(out) > segment.length) {
          this.#complete(request, S_UNSUPP);
          return true;
        }
        if (readSegments(this.memory, out, segment) < segment.length) {
          return fail('virtio-blk discard/write_zeroes header too short');
        }
        this.#discard(request, segment, (type & ~T_BARRIER) >>> 0 === T_WRITE_ZEROES);
        return true;
      }
      default:
        this.#complete(request, S_UNSUPP);
        return true;
    }
  }

  /** Source: virtio_blk_sect_range_ok. */
  #rangeOk(sector: number, bytes: number): boolean {
    const sectors = Math.floor(bytes / SECTOR_SIZE);
    return bytes % SECTOR_SIZE === 0 && sectors <= MAX_SECTORS && sector + sectors <= this.blk.sectors;
  }

  /** Moves data piece by piece, so that no request takes much of the host's memory. */
  #transfer(request: Request, sector: number, write: boolean, data: readonly Segment[]): void {
    const length = lengthOf(data);
    if (!this.#rangeOk(sector, length)) {
      this.#complete(request, S_IOERR);
      return;
    }
    this.#inFlight.add(request);
    const start = sector * SECTOR_SIZE;
    const step = (done: number): void => {
      const n = Math.min(PIECE, length - done);
      const rest = skipSegments(data, done);
      if (write) {
        const bytes = new Uint8Array(n);
        readSegments(this.memory, rest, bytes);
        this.blk.write(start + done, bytes, (error) => next(done + n, error));
      } else {
        this.blk.read(start + done, n, (result) => {
          if (!(result instanceof Uint8Array)) return next(done, result);
          if (!request.cancelled) writeSegments(this.memory, rest, result);
          next(done + n, undefined);
        });
      }
    };
    const next = (done: number, error: BlockError | undefined): void => {
      if (request.cancelled) return;
      if (error || done === length) this.#finish(request, !write, error);
      else step(done);
    };
    step(0);
  }

  /** Source: virtio_blk_handle_discard_write_zeroes. */
  #discard(request: Request, segment: Uint8Array, zeroes: boolean): void {
    const view = new DataView(segment.buffer);
    const sector = Number(view.getBigUint64(0, true));
    const sectors = view.getUint32(8, true);
    const flags = view.getUint32(12, true);
    const bytes = sectors * SECTOR_SIZE;
    if (sectors > MAX_SECTORS || !this.#rangeOk(sector, bytes)) return this.#complete(request, S_IOERR);
    if (flags & ~WRITE_ZEROES_UNMAP || (!zeroes && flags)) return this.#complete(request, S_UNSUPP);
    this.#inFlight.add(request);
    const done = (error: BlockError | undefined): void => this.#finish(request, false, error);
    if (zeroes) this.blk.writeZeroes(sector * SECTOR_SIZE, bytes, done);
    else this.blk.discard(sector * SECTOR_SIZE, bytes, done);
  }

  /** There is nothing behind it that understands SCSI. Source: virtio_blk_handle_scsi. */
  #refuseScsi(request: Request): void {
    const { element } = request;
    const inner = element.in.at(-2);
    if (element.out.length < 2 || element.in.length < 3 || !inner) return this.#complete(request, S_IOERR);
    writeSegments(this.memory, [inner], Uint8Array.of(255, 0, 0, 0));
    this.#complete(request, S_UNSUPP);
  }

  /** The image has done what it was asked, or could not. Source: virtio_blk_handle_rw_error. */
  #finish(request: Request, isRead: boolean, error: BlockError | undefined): void {
    if (request.cancelled) return;
    this.#inFlight.delete(request);
    if (error && this.blk.stopsOn(error, isRead)) {
      this.#held.push({ vq_idx: request.ring.index, elem: elementOf(request.element) });
      return;
    }
    this.#complete(request, error ? S_IOERR : S_OK);
  }

  #complete({ ring, element, inLength, status }: Request, result: number): void {
    this.memory.write(status, result, 1);
    ring.push(element, inLength);
    this.notify(ring);
  }
}
