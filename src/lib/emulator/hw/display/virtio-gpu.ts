/** The virtio display. Source: QEMU hw/display/virtio-gpu.c; virtio 1.2 section 5.7. */
import { fieldsOf, struct, type Codec, type Field, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, buffer, i32, u32, u64 } from '../../../vmstate/vmstate-types.ts';
import { reg32 } from '../core/register.ts';
import { sectionEndsAt, subsectionAt } from '../core/section-end.ts';
import { virtioSection } from '../virtio/virtio-bus.ts';
import type { VirtIODevice } from '../virtio/virtio.ts';

interface Iov {
  addr: bigint;
  iov_len: number;
}
interface Resource {
  resource_id: number;
  width: number;
  height: number;
  format: number;
  iov_cnt: number;
  iov: Iov[];
  image: Uint8Array;
}
interface Scanout {
  resource_id: number;
  width: number;
  height: number;
  x: number;
  y: number;
  cursor: { resource_id: number; hot_x: number; hot_y: number; pos: { x: number; y: number } };
  fb: { format: number; unused: number; width: number; height: number; stride: number; offset: number };
}
interface Scanouts {
  parent_obj: { enable: number; conf: { max_outputs: number }; scanout: Scanout[] };
}
export interface GPUState {
  reslist: Resource[];
  scanouts: Scanouts;
}

/** All of them take 4 bytes. */
const FORMATS: Readonly<Record<number, string>> = {
  1: 'B8G8R8A8',
  2: 'B8G8R8X8',
  3: 'A8R8G8B8',
  4: 'X8R8G8B8',
  67: 'R8G8B8A8',
  68: 'X8B8G8R8',
  121: 'A8B8G8R8',
  134: 'R8G8B8X8'
};
const BYTES_PER_PIXEL = 4;

const v = fieldsOf<Iov>();
const iov = struct<Iov>({
  name: 'iov',
  version: 0,
  minimumVersion: 0,
  fields: [v('addr', u64, { pointer: 'gpa', radix: 16 }), v('iov_len', u32, { unit: 'bytes' })]
});
const r = fieldsOf<Resource>();
const resource = struct<Resource>({
  name: 'virtio_gpu_simple_resource',
  version: 0,
  minimumVersion: 0,
  fields: [
    r('resource_id', u32),
    r('width', u32),
    r('height', u32),
    r('format', u32, { values: FORMATS }),
    r('iov_cnt', u32),
    r('iov', (s) => arrayOf(iov, s.iov_cnt), { doc: "The guest's copy" }),
    r('image', (s) => buffer(s.width * s.height * BYTES_PER_PIXEL), { doc: "The host's copy" })
  ]
});

/** Resources up to one of number 0. */
const reslist: Codec<Resource[]> = {
  type: 'struct',
  read(file, _into, place) {
    const out: Resource[] = [];
    while (file.peek(0) || file.peek(1) || file.peek(2) || file.peek(3)) {
      out.push(place.read(file, `[${out.length}]`, resource, undefined, {}));
    }
    place.read(file, 'end', u32, undefined, { doc: 'End of list' });
    return out;
  },
  write(file, value) {
    value.forEach((v) => resource.write(file, v));
    file.be32(0);
  }
};

const s = fieldsOf<Scanout>();
const SCANOUT: readonly Field<Scanout>[] = [
  s('resource_id', u32, { doc: 'What it shows, 0 for nothing' }),
  s('width', u32),
  s('height', u32),
  s('x', i32),
  s('y', i32),
  s('cursor.resource_id', u32),
  s('cursor.hot_x', u32),
  s('cursor.hot_y', u32),
  s('cursor.pos.x', u32),
  s('cursor.pos.y', u32)
];
const FRAME_BUFFER: readonly Field<Scanout>[] = [
  s('fb.format', u32, { values: FORMATS }),
  s('fb.unused', u32),
  s('fb.width', u32),
  s('fb.height', u32),
  s('fb.stride', u32, { unit: 'bytes' }),
  s('fb.offset', u32, { unit: 'bytes' })
];
const SCANOUT_SIZE = 4 * SCANOUT.length;
const scanout = (fields: readonly Field<Scanout>[]): Codec<Scanout> =>
  struct<Scanout>({ name: 'virtio-gpu-one-scanout', version: 1, minimumVersion: 0, fields });

/** Machine types from 8.2 on send the frame buffer too, and only the end of the section tells. */
const scanouts = (count: number): Codec<Scanout[]> => ({
  type: 'struct',
  read(file, into, place) {
    const end = count * SCANOUT_SIZE;
    const isShort = sectionEndsAt(file, end) || subsectionAt(file, end, 'virtio-gpu/');
    return arrayOf(scanout(isShort ? SCANOUT : [...SCANOUT, ...FRAME_BUFFER]), count).read(file, into, place);
  },
  write(file, value) {
    for (const v of value) scanout(v.fb === undefined ? SCANOUT : [...SCANOUT, ...FRAME_BUFFER]).write(file, v);
  }
});

const o = fieldsOf<Scanouts>();
const vmstate_virtio_gpu_scanouts: VMStateDescription<Scanouts> = {
  name: 'virtio-gpu-scanouts',
  version: 1,
  minimumVersion: 0,
  fields: [
    o('parent_obj.enable', i32),
    o('parent_obj.conf.max_outputs', { ...u32, type: 'uint32 equal' }, { doc: 'The receiver must have as many' }),
    o('parent_obj.scanout', (t) => scanouts(t.parent_obj.conf.max_outputs), 1)
  ]
};

const g = fieldsOf<GPUState>();
const vmstate_virtio_gpu_state: VMStateDescription<GPUState> = {
  name: 'virtio-gpu-state',
  version: 0,
  minimumVersion: 0,
  fields: [
    g('reslist', reslist, { doc: 'Pictures that the guest has made' }),
    g('scanouts', struct(vmstate_virtio_gpu_scanouts), { name: 'virtio-gpu-scanouts' })
  ]
};

export interface VirtIOGPUSection {
  virtio: VirtIODevice;
  gpu: GPUState;
}
const d = fieldsOf<VirtIOGPUSection>();
export const vmstate_virtio_gpu = virtioSection<VirtIODevice>({
  name: 'virtio-gpu',
  version: 1,
  features: [
    { name: 'VIRGL', bit: 0 },
    { name: 'EDID', bit: 1 },
    { name: 'RESOURCE_UUID', bit: 2 },
    { name: 'RESOURCE_BLOB', bit: 3 },
    { name: 'CONTEXT_INIT', bit: 4 }
  ],
  config: [reg32(0, 'events_read'), reg32(4, 'events_clear'), reg32(8, 'num_scanouts'), reg32(12, 'num_capsets')],
  behind: [
    d('gpu', { ...struct(vmstate_virtio_gpu_state), type: 'virtio-gpu' }, { name: 'virtio-gpu' }) as Field<{
      virtio: VirtIODevice;
    }>
  ]
});
