/** An NVMe namespace. Source: QEMU 11.1 hw/nvme/ns.c; NVMe base specification 2.0 figure 280. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, bool, buffer, u16, u32, u64, u8 } from '../../../vmstate/vmstate-types.ts';

interface LBAFormat {
  ms: number;
  ds: number;
  rp: number;
}
export interface NvmeAtomic {
  atomic_max_write_size: number;
  atomic_boundary: bigint;
  atomic_nabo: bigint;
  atomic_writes: boolean;
}
interface NvmeIdNs {
  nsze: bigint;
  ncap: bigint;
  nuse: bigint;
  nsfeat: number;
  nlbaf: number;
  flbas: number;
  mc: number;
  dpc: number;
  dps: number;
  nmic: number;
  rescap: number;
  fpi: number;
  dlfeat: number;
  nawun: number;
  nawupf: number;
  nacwu: number;
  nabsn: number;
  nabo: number;
  nabspf: number;
  noiob: number;
  nvmcap: Uint8Array;
  npwg: number;
  npwa: number;
  npdg: number;
  npda: number;
  nows: number;
  mssrl: number;
  mcl: number;
  msrc: number;
  rsvd81: Uint8Array;
  nsattr: number;
  nvmsetid: number;
  endgid: number;
  nguid: Uint8Array;
  eui64: bigint;
  lbaf: LBAFormat[];
  vs: Uint8Array;
}
interface NvmeIdNsNvm {
  lbstm: bigint;
  pic: number;
  rsvd9: Uint8Array;
  elbaf: number[];
  npdgl: number;
  nprg: number;
  npra: number;
  nors: number;
  npdal: number;
  rsvd288: Uint8Array;
}
interface NvmeIdNsInd {
  nsfeat: number;
  nmic: number;
  rescap: number;
  fpi: number;
  anagrpid: number;
  nsattr: number;
  rsvd9: number;
  nvmsetid: number;
  endgrpid: number;
  nstat: number;
  rsvd15: Uint8Array;
}
export interface NvmeNamespace {
  tmp: { enable_write_cache: boolean };
  id_ns: NvmeIdNs;
  id_ns_nvm: NvmeIdNsNvm;
  id_ns_ind: NvmeIdNsInd;
  lbaf: LBAFormat;
  nlbaf: number;
  csi: number;
  status: number;
  pif: number;
  zns: { zrwas: number; zrwafg: number; numzrwa: number };
  features: { err_rec: number };
  atomic: NvmeAtomic;
}

const bytes = (n: number) => buffer(n, 'uint8');

const l = fieldsOf<LBAFormat>();
const lbaFormat = struct<LBAFormat>({
  name: 'nvme_lbaf',
  version: 1,
  minimumVersion: 1,
  fields: [
    l('ms', u16, { doc: 'Metadata of a block', unit: 'bytes' }),
    l('ds', u8, {
      doc: 'Size of a block, as a power of two',
      values: { 0: 'not used', 9: '512 bytes', 12: '4096 bytes' }
    }),
    l('rp', u8, { doc: 'Relative performance' })
  ]
});

const a = fieldsOf<NvmeAtomic>();
export const nvmeAtomic = struct<NvmeAtomic>({
  name: 'nvme-atomic',
  version: 1,
  minimumVersion: 1,
  fields: [a('atomic_max_write_size', u32), a('atomic_boundary', u64), a('atomic_nabo', u64), a('atomic_writes', bool)]
});

const i = fieldsOf<NvmeIdNs>();
const idNs = struct<NvmeIdNs>({
  name: 'nvme_id_ns',
  version: 1,
  minimumVersion: 1,
  fields: [
    i('nsze', u64, { doc: 'Size, in blocks' }),
    i('ncap', u64, { doc: 'Capacity, in blocks' }),
    i('nuse', u64, { doc: 'Blocks in use' }),
    i('nsfeat', u8, {
      bits: [
        { name: 'THINP', bit: 0 },
        { name: 'NSABP', bit: 1 },
        { name: 'DAE', bit: 2, doc: 'deallocated blocks are told from others' },
        { name: 'UIDREUSE', bit: 3 },
        { name: 'OPTPERF', bit: 4, width: 2 }
      ]
    }),
    i('nlbaf', u8, { doc: 'Block formats less one' }),
    i('flbas', u8, {
      bits: [
        { name: 'format', bit: 0, width: 4 },
        { name: 'metadata_inline', bit: 4 }
      ]
    }),
    i('mc', u8),
    i('dpc', u8),
    i('dps', u8),
    i('nmic', u8, { bits: [{ name: 'SHARED', bit: 0 }] }),
    i('rescap', u8),
    i('fpi', u8),
    i('dlfeat', u8),
    i('nawun', u16),
    i('nawupf', u16),
    i('nacwu', u16),
    i('nabsn', u16),
    i('nabo', u16),
    i('nabspf', u16),
    i('noiob', u16),
    i('nvmcap', bytes(16)),
    i('npwg', u16),
    i('npwa', u16),
    i('npdg', u16),
    i('npda', u16),
    i('nows', u16),
    i('mssrl', u16),
    i('mcl', u32),
    i('msrc', u8),
    i('rsvd81', bytes(18)),
    i('nsattr', u8),
    i('nvmsetid', u16),
    i('endgid', u16),
    i('nguid', bytes(16), { doc: 'Globally unique identifier' }),
    i('eui64', u64, { radix: 16 }),
    i('lbaf', arrayOf(lbaFormat, 64), { doc: 'Block formats' }),
    i('vs', bytes(3712))
  ]
});

const n = fieldsOf<NvmeIdNsNvm>();
const idNsNvm = struct<NvmeIdNsNvm>({
  name: 'nvme_id_ns_nvm',
  version: 1,
  minimumVersion: 1,
  fields: [
    n('lbstm', u64, { radix: 16 }),
    n('pic', u8),
    n('rsvd9', bytes(3)),
    n('elbaf', arrayOf(u32, 64), { radix: 16 }),
    n('npdgl', u32),
    n('nprg', u32),
    n('npra', u32),
    n('nors', u32),
    n('npdal', u32),
    n('rsvd288', bytes(3808))
  ]
});

const d = fieldsOf<NvmeIdNsInd>();
const idNsInd = struct<NvmeIdNsInd>({
  name: 'nvme_id_ns_ind',
  version: 1,
  minimumVersion: 1,
  fields: [
    d('nsfeat', u8),
    d('nmic', u8),
    d('rescap', u8),
    d('fpi', u8),
    d('anagrpid', u32),
    d('nsattr', u8),
    d('rsvd9', u8),
    d('nvmsetid', u16),
    d('endgrpid', u16),
    d('nstat', u8, { bits: [{ name: 'NRDY', bit: 0, doc: 'ready' }] }),
    d('rsvd15', bytes(4081))
  ]
});

const t = fieldsOf<NvmeNamespace['tmp']>();
const tmp = {
  ...struct<NvmeNamespace['tmp']>({
    name: 'nvme_ns_tmp',
    version: 0,
    minimumVersion: 0,
    fields: [t('enable_write_cache', bool)]
  }),
  type: 'tmp'
};

const s = fieldsOf<NvmeNamespace>();
export const nvme_vmstate_ns: VMStateDescription<NvmeNamespace> = {
  name: 'nvme_ns',
  version: 1,
  minimumVersion: 1,
  fields: [
    s('tmp', tmp),
    s('id_ns', idNs, { doc: 'What Identify Namespace answers' }),
    s('id_ns_nvm', idNsNvm),
    s('id_ns_ind', idNsInd),
    s('lbaf', lbaFormat, { doc: 'Block format in use' }),
    s('nlbaf', u32, { doc: 'Block formats' }),
    s('csi', u8, { doc: 'Command set', values: { 0: 'NVM', 1: 'key value', 2: 'zoned' } }),
    s('status', u16, { radix: 16 }),
    s('pif', u8),
    s('zns.zrwas', u16),
    s('zns.zrwafg', u16),
    s('zns.numzrwa', u32),
    s('features.err_rec', u32, { radix: 16 }),
    s('atomic', nvmeAtomic)
  ]
};
