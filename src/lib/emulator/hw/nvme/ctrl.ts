/** The NVMe controller, which QEMU 11 learned to migrate. Source: QEMU 11.1 hw/nvme/ctrl.c; NVMe base specification 2.0. */
import { fieldsOf, struct, type Codec, type Meaning, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { bool, buffer, i32, qtailq, u16, u32, u64, u8 } from '../../../vmstate/vmstate-types.ts';
import { vmstate_msix, type MSIXDevice } from '../pci/msix.ts';
import { pcieDevice, type PCIDevice } from '../pci/pci.ts';
import { nvmeAtomic, nvme_vmstate_ns, type NvmeAtomic, type NvmeNamespace } from './ns.ts';

interface NvmeBar {
  cap: bigint;
  vs: number;
  intms: number;
  intmc: number;
  cc: number;
  rsvd24: Uint8Array;
  csts: number;
  nssr: number;
  aqa: number;
  asq: bigint;
  acq: bigint;
  cmbloc: number;
  cmbsz: number;
  bpinfo: number;
  bprsel: number;
  bpmbl: bigint;
  cmbmsc: bigint;
  cmbsts: number;
  rsvd92: Uint8Array;
  pmrcap: number;
  pmrctl: number;
  pmrsts: number;
  pmrebs: number;
  pmrswtp: number;
  pmrmscl: number;
  pmrmscu: number;
  css: Uint8Array;
}
interface NvmeCqe {
  result: number;
  dw1: number;
  sq_head: number;
  sq_id: number;
  cid: number;
  status: number;
}
interface NvmeSgl {
  addr: bigint;
  len: number;
  rsvd: Uint8Array;
  type: number;
}
interface NvmeCmd {
  opcode: number;
  flags: number;
  cid: number;
  nsid: number;
  res1: bigint;
  mptr: bigint;
  dptr: { prp1: bigint; prp2: bigint; sgl: NvmeSgl };
  cdw10: number;
  cdw11: number;
  cdw12: number;
  cdw13: number;
  cdw14: number;
  cdw15: number;
}
interface NvmeRequest {
  status: number;
  cqe: NvmeCqe;
  cmd: NvmeCmd;
}
interface NvmeAsyncEvent {
  result: { event_type: number; event_info: number; log_page: number; resv: number };
}
interface NvmeSQueue {
  sqid: number;
  cqid: number;
  head: number;
  tail: number;
  size: number;
  dma_addr: bigint;
}
interface NvmeCQueue {
  phase: number;
  cqid: number;
  irq_enabled: number;
  head: number;
  tail: number;
  vector: number;
  size: number;
  dma_addr: bigint;
  req_list: NvmeRequest[];
}
interface NvmeHbs {
  acre: number;
  etdas: number;
  lbafee: number;
  rsvd3: number;
  cdfe: number;
  rsvd6: Uint8Array;
}
/** What an array of pointers holds; there is no element where the pointer is null. */
type Pointers<T> = { element: T | undefined }[];
export interface NvmeCtrl {
  parent_obj: MSIXDevice;
  bar: NvmeBar;
  qs_created: boolean;
  page_size: number;
  page_bits: number;
  max_prp_ents: number;
  max_q_ents: number;
  outstanding_aers: number;
  irq_status: number;
  cq_pending: number;
  host_timestamp: bigint;
  timestamp_set_qemu_clock_ms: bigint;
  starttime_ms: bigint;
  temperature: number;
  smart_critical_warning: number;
  conf_msix_qsize: number;
  conf_ioqpairs: number;
  dbbuf_dbs: bigint;
  dbbuf_eis: bigint;
  dbbuf_enabled: boolean;
  aer_mask: number;
  aer_reqs: Pointers<NvmeRequest>;
  aer_queue: NvmeAsyncEvent[];
  aer_queued: number;
  namespace: NvmeNamespace;
  sq: Pointers<NvmeSQueue>;
  cq: Pointers<NvmeCQueue>;
  features: { temp_thresh_hi: number; temp_thresh_low: number; async_config: number; hbs: NvmeHbs };
  dn: number;
  atomic: NvmeAtomic;
}

const v1 = { version: 1, minimumVersion: 1 } as const;
const bytes = (n: number): Codec<Uint8Array> => buffer(n, 'uint8');

const b = fieldsOf<NvmeBar>();
const bar = struct<NvmeBar>({
  name: 'nvme-bar',
  ...v1,
  fields: [
    b('cap', u64, {
      radix: 16,
      bits: [
        { name: 'MQES', bit: 0, width: 16, doc: 'queue entries less one' },
        { name: 'CQR', bit: 16 },
        { name: 'AMS', bit: 17, width: 2 },
        { name: 'TO', bit: 24, width: 8, doc: 'timeout, in units of 500 ms' },
        { name: 'DSTRD', bit: 32, width: 4 },
        { name: 'NSSRS', bit: 36 },
        { name: 'CSS', bit: 37, width: 8 },
        { name: 'MPSMIN', bit: 48, width: 4 },
        { name: 'MPSMAX', bit: 52, width: 4 },
        { name: 'PMRS', bit: 56 },
        { name: 'CMBS', bit: 57 }
      ]
    }),
    b('vs', u32, { doc: 'Version', radix: 16, values: { 0x10300: '1.3', 0x10400: '1.4', 0x20000: '2.0' } }),
    b('intms', u32, { doc: 'Interrupt mask set', radix: 16 }),
    b('intmc', u32, { doc: 'Interrupt mask clear', radix: 16 }),
    b('cc', u32, {
      doc: 'Controller configuration',
      bits: [
        { name: 'EN', bit: 0 },
        { name: 'CSS', bit: 4, width: 3 },
        { name: 'MPS', bit: 7, width: 4, doc: 'page size: 4096 << this' },
        { name: 'AMS', bit: 11, width: 3 },
        { name: 'SHN', bit: 14, width: 2, values: { 0: 'none', 1: 'normal', 2: 'abrupt' } },
        { name: 'IOSQES', bit: 16, width: 4, doc: 'submission entry: 1 << this' },
        { name: 'IOCQES', bit: 20, width: 4, doc: 'completion entry: 1 << this' }
      ]
    }),
    b('rsvd24', bytes(4)),
    b('csts', u32, {
      doc: 'Controller status',
      bits: [
        { name: 'RDY', bit: 0 },
        { name: 'CFS', bit: 1, doc: 'fatal' },
        { name: 'SHST', bit: 2, width: 2, values: { 0: 'works', 1: 'shutting down', 2: 'shut down' } },
        { name: 'NSSRO', bit: 4 }
      ]
    }),
    b('nssr', u32, { radix: 16 }),
    b('aqa', u32, {
      doc: 'Admin queue sizes less one',
      bits: [
        { name: 'ASQS', bit: 0, width: 12 },
        { name: 'ACQS', bit: 16, width: 12 }
      ]
    }),
    b('asq', u64, { doc: 'Admin submission queue', pointer: 'gpa', radix: 16 }),
    b('acq', u64, { doc: 'Admin completion queue', pointer: 'gpa', radix: 16 }),
    b('cmbloc', u32, { radix: 16 }),
    b('cmbsz', u32, { radix: 16 }),
    b('bpinfo', u32, { radix: 16 }),
    b('bprsel', u32, { radix: 16 }),
    b('bpmbl', u64, { radix: 16 }),
    b('cmbmsc', u64, { radix: 16 }),
    b('cmbsts', u32, { radix: 16 }),
    b('rsvd92', bytes(3492)),
    b('pmrcap', u32, { radix: 16 }),
    b('pmrctl', u32, { radix: 16 }),
    b('pmrsts', u32, { radix: 16 }),
    b('pmrebs', u32, { radix: 16 }),
    b('pmrswtp', u32, { radix: 16 }),
    b('pmrmscl', u32, { radix: 16 }),
    b('pmrmscu', u32, { radix: 16 }),
    b('css', bytes(484))
  ]
});

const e = fieldsOf<NvmeCqe>();
const cqe = struct<NvmeCqe>({
  name: 'nvme-cqe',
  ...v1,
  fields: [e('result', u32), e('dw1', u32), e('sq_head', u16), e('sq_id', u16), e('cid', u16), e('status', u16)]
});
const g = fieldsOf<NvmeSgl>();
const sgl = struct<NvmeSgl>({
  name: 'nvme-request-cmd-dptr-sgl',
  ...v1,
  fields: [g('addr', u64, { pointer: 'gpa', radix: 16 }), g('len', u32), g('rsvd', bytes(3)), g('type', u8)]
});
const p = fieldsOf<NvmeCmd['dptr']>();
const dptr = struct<NvmeCmd['dptr']>({
  name: 'nvme-request-cmd-dptr',
  ...v1,
  fields: [
    p('prp1', u64, { pointer: 'gpa', radix: 16 }),
    p('prp2', u64, { pointer: 'gpa', radix: 16 }),
    p('sgl', sgl, { doc: 'The same 16 bytes read otherwise' })
  ]
});
const c = fieldsOf<NvmeCmd>();
const cmd = struct<NvmeCmd>({
  name: 'nvme-request-cmd',
  ...v1,
  fields: [
    c('opcode', u8, { radix: 16, values: { 0x0c: 'ASYNC_EV_REQ' } }),
    c('flags', u8, { radix: 16 }),
    c('cid', u16, { doc: 'Command identifier' }),
    c('nsid', u32, { doc: 'Namespace' }),
    c('res1', u64),
    c('mptr', u64, { doc: 'Metadata', pointer: 'gpa', radix: 16 }),
    c('dptr', dptr, { doc: 'Data' }),
    ...(['cdw10', 'cdw11', 'cdw12', 'cdw13', 'cdw14', 'cdw15'] as const).map((name) => c(name, u32, { radix: 16 }))
  ]
});
const r = fieldsOf<NvmeRequest>();
const request = struct<NvmeRequest>({
  name: 'nvme-request',
  ...v1,
  fields: [r('status', u16, { radix: 16 }), r('cqe', cqe), r('cmd', cmd)]
});

const ev = fieldsOf<NvmeAsyncEvent['result']>();
const asyncEvent = struct<NvmeAsyncEvent>({
  name: 'nvme-async-event',
  ...v1,
  fields: [
    fieldsOf<NvmeAsyncEvent>()(
      'result',
      struct<NvmeAsyncEvent['result']>({
        name: 'nvme-async-event-result',
        ...v1,
        fields: [
          ev('event_type', u8, { values: { 0: 'error', 1: 'SMART', 2: 'notice', 6: 'command set', 7: 'vendor' } }),
          ev('event_info', u8),
          ev('log_page', u8),
          ev('resv', u8)
        ]
      })
    )
  ]
});

const RING = { doc: 'Ring', pointer: 'gpa', radix: 16 } as const;
const q = fieldsOf<NvmeSQueue>();
const submission = struct<NvmeSQueue>({
  name: 'nvme-sq',
  ...v1,
  fields: [
    q('sqid', u16, { doc: '0 is the admin queue' }),
    q('cqid', u16, { doc: 'Where completions go' }),
    q('head', u32),
    q('tail', u32),
    q('size', u32, { doc: 'Entries' }),
    q('dma_addr', u64, RING)
  ]
});
const w = fieldsOf<NvmeCQueue>();
const completion = struct<NvmeCQueue>({
  name: 'nvme-cq',
  ...v1,
  fields: [
    w('phase', u8),
    w('cqid', u16, { doc: '0 is the admin queue' }),
    w('irq_enabled', u16),
    w('head', u32),
    w('tail', u32),
    w('vector', u32, { doc: 'MSI-X vector' }),
    w('size', u32, { doc: 'Entries' }),
    w('dma_addr', u64, RING),
    w('req_list', qtailq(request), { doc: 'Completions that wait for room' })
  ]
});

/** VMS_ARRAY_OF_POINTER_AUTO_ALLOC: the character 1, then what the pointer points at, or 0 for a null pointer. */
const marker: Codec<number> = { ...u8, type: 'ptr-marker' };
const MARKER = { values: { 0x30: 'null', 0x31: 'an element follows' } };
const pointers = <T>(element: Codec<T>, count: number): Codec<Pointers<T>> => ({
  type: 'ptr-marker',
  read(file, _into, place) {
    // Markers and elements are counted alike, as in the stream's JSON.
    let row = 0;
    const next = <V>(codec: Codec<V>, about: Meaning): V => place.read(file, `[${row++}]`, codec, undefined, about);
    const out: Pointers<T> = [];
    for (let i = 0; i < count; i++) {
      const isThere = next(marker, MARKER) === 0x31;
      out.push({ element: isThere ? next(element, { doc: `Number ${i}` }) : undefined });
    }
    return out;
  },
  write(file, value) {
    for (const { element: v } of value) {
      file.u8(v === undefined ? 0x30 : 0x31);
      if (v !== undefined) element.write(file, v);
    }
  }
});

const h = fieldsOf<NvmeHbs>();
const hbs = struct<NvmeHbs>({
  name: 'nvme-hbs',
  ...v1,
  fields: [h('acre', u8), h('etdas', u8), h('lbafee', u8), h('rsvd3', u8), h('cdfe', u16), h('rsvd6', bytes(506))]
});

const d = fieldsOf<NvmeCtrl>();
export const nvme_vmstate: VMStateDescription<NvmeCtrl> = {
  name: 'nvme',
  ...v1,
  fields: [
    d('parent_obj', pcieDevice() as Codec<PCIDevice> as Codec<MSIXDevice>, { name: 'parent_obj[0]' }),
    d('parent_obj', struct(vmstate_msix), { name: 'parent_obj[1]' }),
    d('bar', bar, { doc: 'Registers' }),
    d('qs_created', bool),
    d('page_size', u32, { unit: 'bytes' }),
    d('page_bits', u16),
    d('max_prp_ents', u16, { doc: 'Addresses in a page of a list' }),
    d('max_q_ents', u32),
    d('outstanding_aers', u8, { doc: 'Asynchronous event requests of the driver' }),
    d('irq_status', u32, { radix: 16 }),
    d('cq_pending', i32),
    d('host_timestamp', u64, { doc: 'As the driver set it', unit: 'ms', clock: true }),
    d('timestamp_set_qemu_clock_ms', u64, { unit: 'ms', clock: true }),
    d('starttime_ms', u64, { unit: 'ms', clock: true }),
    d('temperature', u16, { doc: 'Kelvin' }),
    d('smart_critical_warning', u8, { radix: 16 }),
    d('conf_msix_qsize', u32, { doc: 'Vectors' }),
    d('conf_ioqpairs', u32, { doc: 'Queue pairs beside the admin one' }),
    d('dbbuf_dbs', u64, { doc: 'Shadow doorbells', pointer: 'gpa', radix: 16 }),
    d('dbbuf_eis', u64, { pointer: 'gpa', radix: 16 }),
    d('dbbuf_enabled', bool),
    d('aer_mask', u8, { radix: 16 }),
    d('aer_reqs', (s) => pointers(request, s.outstanding_aers), { when: (s) => s.outstanding_aers > 0 }),
    d('aer_queue', qtailq(asyncEvent), { doc: 'Events that the driver has not asked for' }),
    d('aer_queued', i32),
    d('namespace', struct(nvme_vmstate_ns)),
    d('sq', (s) => pointers(submission, s.conf_ioqpairs + 1), { doc: 'Submission queues' }),
    d('cq', (s) => pointers(completion, s.conf_ioqpairs + 1), { doc: 'Completion queues' }),
    d('features.temp_thresh_hi', u16, { doc: 'Kelvin' }),
    d('features.temp_thresh_low', u16, { doc: 'Kelvin' }),
    d('features.async_config', u32, { radix: 16 }),
    d('features.hbs', hbs, { doc: 'Host behavior support' }),
    d('dn', u32),
    d('atomic', nvmeAtomic)
  ]
};
