/**
 * What an 82540EM sends: descriptors gathered into frames, cut into segments, with checksums put in.
 * Source: QEMU hw/net/e1000.c (process_tx_desc, xmit_seg, putsum), e1000x_common.c; Intel 8254x manual section 3.3.
 */
import { checksum } from '../../net/net.ts';
import type { E1000TxdProps, TxState } from './e1000.ts';

export const CMD_EOP = 1 << 24;
const CMD_TCP = 1 << 24;
const CMD_IP = 1 << 25;
const CMD_TSE = 1 << 26;
const CMD_RS = 1 << 27;
const CMD_RPS = 1 << 28;
const CMD_DEXT = 1 << 29;
const CMD_VLE = 1 << 30;
const CMD_IDE = 1 << 31;
const DTYP_D = 1 << 20;
const POPTS_IXSM = 1;
const POPTS_TXSM = 2;
const STAT_DD = 1;
/** Of the status: errors that cannot be. */
const STAT_ERRORS = 0xe;
export const DATA_SIZE = 0x10000;
const VLAN_HEADER = 4;
const MACS = 12;

export const noProps = (): E1000TxdProps => ({
  ...{ ipcss: 0, ipcso: 0, ipcse: 0, tucss: 0, tucso: 0, tucse: 0, paylen: 0, hdr_len: 0, mss: 0, ip: 0, tcp: 0 }
});

/** What sending needs of the card. */
export interface Transmitter {
  readonly tx: TxState;
  /** Offload properties of frames that are not cut. */
  props: E1000TxdProps;
  readonly vlanEnabled: boolean;
  /** VET. */
  readonly vlanType: number;
  read(addr: number, into: Uint8Array): void;
  /** A frame goes out; `size` of it counts without a VLAN header. */
  sent(frame: Uint8Array, size: number): void;
  /** A segmented packet has ended. */
  segmented(): void;
  /** A descriptor asks for its interrupt to be delayed. */
  delayInterrupt(): void;
}

/** Where a frame stands that is not finished; never in a stream. */
export interface TxProgress {
  segmenting: boolean;
  vlan: Uint8Array | undefined;
}

const view16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

/** A checksum over [css, cse] goes to `sloc`; 0 is sent as all ones. */
function putSum(data: Uint8Array, size: number, sloc: number, css: number, cse: number): void {
  const end = cse && cse < size ? cse + 1 : size;
  if (sloc >= end - 1) return;
  put16(data, sloc, checksum(data.subarray(Math.min(css, end), end)) || 0xffff);
}

function contextOf(descriptor: DataView): E1000TxdProps {
  const op = descriptor.getUint32(8, true);
  return {
    ipcss: descriptor.getUint8(0),
    ipcso: descriptor.getUint8(1),
    ipcse: descriptor.getUint16(2, true),
    tucss: descriptor.getUint8(4),
    tucso: descriptor.getUint8(5),
    tucse: descriptor.getUint16(6, true),
    paylen: op & 0xfffff,
    hdr_len: descriptor.getUint8(13),
    mss: descriptor.getUint16(14, true),
    ip: op & CMD_IP ? 1 : 0,
    tcp: op & CMD_TCP ? 1 : 0
  };
}

/** Lengths, numbers and flags of a segment's headers. */
function fixHeaders(card: Transmitter, props: E1000TxdProps): void {
  const { tx } = card;
  const { data, size } = tx;
  const frames = tx.tso_frames;
  const ip = props.ipcss;
  if (props.ip) {
    put16(data, ip + 2, size - ip);
    put16(data, ip + 4, view16(data, ip + 4) + frames);
  } else put16(data, ip + 4, size - ip);
  const transport = props.tucss;
  const length = (size - transport) & 0xffff;
  if (props.tcp) {
    const sofar = frames * props.mss;
    const sequence = (view16(data, transport + 4) * 65536 + view16(data, transport + 6) + sofar) % 2 ** 32;
    put16(data, transport + 4, Math.floor(sequence / 65536));
    put16(data, transport + 6, sequence & 0xffff);
    if ((props.paylen - sofar) >>> 0 > props.mss) data[transport + 13]! &= ~9;
    else if (frames) card.segmented();
  } else put16(data, transport + 4, length);
  if (tx.sum_needed & POPTS_TXSM) {
    const sum = view16(data, props.tucso) + length;
    put16(data, props.tucso, (sum >>> 16) + (sum & 0xffff));
  }
  tx.tso_frames = (frames + 1) & 0xffff;
}

function sendSegment(card: Transmitter, progress: TxProgress): void {
  const { tx } = card;
  const props = progress.segmenting ? tx.tso_props : card.props;
  if (progress.segmenting) fixHeaders(card, props);
  const { data, size } = tx;
  if (tx.sum_needed & POPTS_TXSM) putSum(data, size, props.tucso, props.tucss, props.tucse);
  if (tx.sum_needed & POPTS_IXSM) putSum(data, size, props.ipcso, props.ipcss, props.ipcse);
  if (!progress.vlan) return card.sent(data.slice(0, size), size);
  const frame = new Uint8Array(size + VLAN_HEADER);
  frame.set(data.subarray(0, MACS));
  frame.set(progress.vlan, MACS);
  frame.set(data.subarray(MACS, size), MACS + VLAN_HEADER);
  card.sent(frame, size);
}

/** Takes a descriptor of 16 bytes. Returns bytes that were worked on. */
export function processDescriptor(card: Transmitter, progress: TxProgress, descriptor: DataView): number {
  const { tx } = card;
  const lower = descriptor.getUint32(8, true);
  const upper = descriptor.getUint32(12, true);
  const type = lower & (CMD_DEXT | DTYP_D);
  if (lower & CMD_IDE) card.delayInterrupt();
  if (type === CMD_DEXT) {
    const props = contextOf(descriptor);
    if (lower & CMD_TSE) {
      tx.tso_props = props;
      tx.tso_frames = 0;
    } else card.props = props;
    return 0;
  }
  if (type === (CMD_DEXT | DTYP_D)) {
    if (tx.size === 0) tx.sum_needed = (upper >>> 8) & 0xff;
    progress.segmenting = (lower & CMD_TSE) !== 0;
  } else progress.segmenting = false;
  if (card.vlanEnabled && lower & CMD_VLE && (progress.segmenting || lower & CMD_EOP)) {
    const vlan = new Uint8Array(VLAN_HEADER);
    put16(vlan, 0, card.vlanType);
    put16(vlan, 2, upper >>> 16);
    progress.vlan = vlan;
  }
  const addr = descriptor.getUint32(0, true) + descriptor.getUint32(4, true) * 2 ** 32;
  const length = lower & 0xffff;
  if (progress.segmenting) gather(card, progress, addr, length);
  else {
    const bytes = Math.min(DATA_SIZE - tx.size, length);
    card.read(addr, tx.data.subarray(tx.size, tx.size + bytes));
    // 16 bits, as QEMU has them: a packet that fills all begins anew.
    tx.size = (tx.size + bytes) & 0xffff;
  }
  if (lower & CMD_EOP) {
    if (!(progress.segmenting && tx.size < tx.tso_props.hdr_len)) sendSegment(card, progress);
    Object.assign(tx, { tso_frames: 0, sum_needed: 0, size: 0 });
    Object.assign(progress, { segmenting: false, vlan: undefined });
  }
  return length;
}

/** Fills one segment after the other; each begins with the header of the first. */
function gather(card: Transmitter, progress: TxProgress, addr: number, length: number): void {
  const { tx } = card;
  const { hdr_len, mss } = tx.tso_props;
  const full = hdr_len + mss;
  for (let left = length; left > 0;) {
    if (tx.size >= full) return;
    const bytes = Math.min(left, full - tx.size, DATA_SIZE - tx.size);
    if (bytes === 0) return;
    card.read(addr, tx.data.subarray(tx.size, tx.size + bytes));
    const size = tx.size + bytes;
    if (size >= hdr_len && tx.size < hdr_len) tx.header.set(tx.data.subarray(0, hdr_len));
    tx.size = size & 0xffff;
    addr += bytes;
    left -= bytes;
    if (size === full) {
      sendSegment(card, progress);
      tx.data.set(tx.header.subarray(0, hdr_len));
      tx.size = hdr_len;
    }
  }
}

/** The status that goes back into a descriptor; undefined where it does not want to know. */
export function writeBack(descriptor: DataView): number | undefined {
  if (!(descriptor.getUint32(8, true) & (CMD_RS | CMD_RPS))) return undefined;
  return ((descriptor.getUint32(12, true) | STAT_DD) & ~STAT_ERRORS) >>> 0;
}
