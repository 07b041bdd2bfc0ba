/**
 * The rings of virtio devices, walked in guest memory: what the driver has offered and the device has not taken, and what
 * the device has returned. virtio 1.2, 2.7. Nothing that the guest wrote is believed: chains end, tables have sizes.
 */
import { VirtioPCI } from '../hw/virtio/virtio-pci-proxy.ts';
import { VIRTQUEUE_MAX_SIZE, type VirtQueue } from '../hw/virtio/virtio.ts';
import type { Sheet, SheetRow } from '../machine-api.ts';
import type { Machine } from '../machine.ts';
import { readRam } from './guest-memory.ts';
import { hex } from '../../vmstate/hex.ts';

const MOST_SHOWN = 16;
const MOST_LINKS = 64;
const NEXT = 1;
const WRITE = 2;
const INDIRECT = 4;

/** `0x1000 16 B → 0x2000 512 B ←`: what the device reads and what it writes. */
function chainText(machine: Machine, table: bigint, size: number, head: number, depth = 0): string {
  const parts: string[] = [];
  for (let index = head, links = 0; links < MOST_LINKS; links++) {
    if (index >= size) return [...parts, `descriptor ${index} is beyond the table`].join(', ');
    const bytes = readRam(machine, table + BigInt(16 * index), 16);
    if (!bytes) return [...parts, 'the table is not in RAM'].join(', ');
    const view = new DataView(bytes.buffer);
    const [address, length, flags] = [view.getBigUint64(0, true), view.getUint32(8, true), view.getUint16(12, true)];
    if (flags & INDIRECT && depth === 0) {
      parts.push(`[${chainText(machine, address, Math.floor(length / 16), 0, 1)}]`);
    } else parts.push(`${flags & WRITE ? 'to' : 'from'} ${hex(address)}, ${length} B`);
    if (!(flags & NEXT)) return parts.join('; ');
    index = view.getUint16(14, true);
  }
  return [...parts, 'and so on'].join('; ');
}

function queueRows(machine: Machine, device: string, n: number, queue: VirtQueue): readonly SheetRow[] {
  const { num, desc, avail, used } = queue.vring;
  if (desc === 0n || num === 0) return [];
  const index = (ring: bigint): number | undefined => {
    const bytes = readRam(machine, ring + 2n, 2);
    return bytes && bytes[0]! | (bytes[1]! << 8);
  };
  const [availIndex, usedIndex] = [index(avail), index(used)];
  const shown = (index: number | undefined): string => (index === undefined ? 'not in RAM' : String(index));
  const rings = `descriptors ${hex(desc)}, available ${hex(avail)}, used ${hex(used)}`;
  const indices = [shown(availIndex), String(queue.last_avail_idx), shown(usedIndex), String(queue.inuse)];
  const id = `${device} ${n}`;
  const rows: SheetRow[] = [{ cells: [device, String(n), String(num), ...indices, rings], id }];
  const none = ['', '', '', '', '', ''];
  if (availIndex === undefined) return rows;
  const waiting = Math.min((availIndex - queue.last_avail_idx) & 0xffff, num, VIRTQUEUE_MAX_SIZE);
  for (let i = 0; i < Math.min(waiting, MOST_SHOWN); i++) {
    const slot = (queue.last_avail_idx + i) % num;
    const bytes = readRam(machine, avail + BigInt(4 + 2 * slot), 2);
    if (!bytes) break;
    const head = bytes[0]! | (bytes[1]! << 8);
    const cells = [`  descriptor ${head} waits`, ...none, chainText(machine, desc, num, head)];
    rows.push({ cells, id: `${id} ${slot}` });
  }
  if (waiting > MOST_SHOWN)
    rows.push({ cells: [`  ${waiting - MOST_SHOWN} more wait`, ...none, ''], id: `${id} more` });
  return rows;
}

export function virtqueues(machine: Machine): readonly Sheet[] {
  const rows = machine.devices.entries.flatMap(({ idstr, device }) =>
    device instanceof VirtioPCI ? device.device.vq.flatMap((queue, n) => queueRows(machine, idstr, n, queue)) : []
  );
  const columns = ['device', 'queue', 'entries', 'available', 'taken', 'returned', 'in flight', 'in guest memory'];
  return [{ title: 'Virtqueues', columns, rows, none: 'No driver has set up a virtqueue.' }];
}
