/**
 * Two- and three-byte opcodes of the integer and system set. SDM 2, appendix A, tables; QEMU
 * target/i386/tcg/decode-new.c.inc opcodes_0F and translate.c gen_multi0F.
 */
import { rows, type Facts, type Line } from './table-row.ts';

const SYSTEM: Facts = { privileged: true };
const SYSTEM_ENDS: Facts = { privileged: true, ends: true };
const PROTECTED: Facts = { mode: 'protected' };
const ENDS: Facts = { ends: true };
const SEGMENT: Facts = { ends: true };
/** Hints, and what orders or empties caches and pipelines that we do not have. */
const NOTHING: Facts = { semantics: 'nop' };
const D64: Facts = { size64: 'default' };
const ARITH = 'OSZAPC';
/** Control and debug registers are moved whole: no operand-size prefix counts. */
const WHOLE: Facts = { size64: 'forced', privileged: true, undefined: 'OSZAPC' };
const SVM: Facts = { feature: 'svm', mode: 'protected', ...SYSTEM };
const BIT: Facts = { defines: 'C', undefined: 'OSAP' };
const BITS: Facts = { ...BIT, lock: true };

const bitTests = (['bt', 'bts', 'btr', 'btc'] as const).flatMap((name, i): Line[] => {
  const facts = name === 'bt' ? BIT : BITS;
  return [
    [`0f ${(0xa3 + 8 * i).toString(16)}`, name, 'Ev,Gv', facts],
    [`0f ba /${4 + i}`, name, 'Ev,Ib', facts]
  ];
});

/** Shifts by a count that may be 0, which leaves all flags. */
const DOUBLE: Facts = { uses: ARITH, defines: 'SZPC', undefined: 'OA' };

export const twoByte = rows([
  ['0f 00 /0 reg', 'sldt', 'Rv', PROTECTED],
  ['0f 00 /0 mem', 'sldt', 'Mw', PROTECTED],
  ['0f 00 /1 reg', 'str', 'Rv', PROTECTED],
  ['0f 00 /1 mem', 'str', 'Mw', PROTECTED],
  ['0f 00 /2', 'lldt', 'Ew', { ...PROTECTED, ...SYSTEM }],
  ['0f 00 /3', 'ltr', 'Ew', { ...PROTECTED, ...SYSTEM }],
  ['0f 00 /4', 'verr', 'Ew', { ...PROTECTED, defines: 'Z' }],
  ['0f 00 /5', 'verw', 'Ew', { ...PROTECTED, defines: 'Z' }],
  ['0f 01 /0 mem', 'sgdt', 'Ms'],
  ['0f 01 /1 mem', 'sidt', 'Ms'],
  ['0f 01 /2 mem', 'lgdt', 'Ms', SYSTEM],
  ['0f 01 /3 mem', 'lidt', 'Ms', SYSTEM],
  ['0f 01 /4 reg', 'smsw', 'Rv'],
  ['0f 01 /4 mem', 'smsw', 'Mw'],
  ['0f 01 /6', 'lmsw', 'Ew', SYSTEM_ENDS],
  ['0f 01 /7 mem', 'invlpg', 'M', SYSTEM_ENDS],
  ['0f 01 c8', 'monitor', '', { ...SYSTEM, feature: 'monitor' }],
  ['0f 01 c9', 'mwait', '', { ...SYSTEM_ENDS, feature: 'monitor' }],
  ['0f 01 ca', 'clac', '', { ...SYSTEM_ENDS, feature: 'smap' }],
  ['0f 01 cb', 'stac', '', { ...SYSTEM_ENDS, feature: 'smap' }],
  ['np 0f 01 d0', 'xgetbv', '', { feature: 'xsave' }],
  ['np 0f 01 d1', 'xsetbv', '', { ...SYSTEM_ENDS, feature: 'xsave' }],
  ['0f 01 d8', 'vmrun', '', { ...SVM, ends: true, uses: 'OSZAPCDI' }],
  ['0f 01 d9', 'vmmcall', '', { feature: 'svm', ends: true }],
  ['0f 01 da', 'vmload', '', SVM],
  ['0f 01 db', 'vmsave', '', SVM],
  ['0f 01 dc', 'stgi', '', { ...SVM, ends: true }],
  ['0f 01 dd', 'clgi', '', SVM],
  ['0f 01 de', 'skinit', '', { ...SVM, ends: true, defines: 'OSZAPC' }],
  ['0f 01 df', 'invlpga', '', { ...SVM, ends: true }],
  ['np 0f 01 ee', 'rdpkru', '', { feature: 'pku' }],
  ['np 0f 01 ef', 'wrpkru', '', { feature: 'pku' }],
  ['0f 01 f8', 'swapgs', '', { ...SYSTEM, mode: 'only64' }],
  ['0f 01 f9', 'rdtscp', '', { feature: 'rdtscp' }],
  ['0f 02', 'lar', 'Gv,Ew', { ...PROTECTED, defines: 'Z' }],
  ['0f 03', 'lsl', 'Gv,Ew', { ...PROTECTED, defines: 'Z' }],
  // AMD has SYSCALL in all modes and SYSENTER not in long mode, Intel the reverse: semantics know the vendor.
  ['0f 05', 'syscall', '', { ...ENDS, feature: 'syscall', uses: 'OSZAPCDI', defines: 'OSZAPCDI' }],
  ['0f 06', 'clts', '', SYSTEM_ENDS],
  ['0f 07', 'sysret', '', { ...PROTECTED, ...SYSTEM_ENDS, feature: 'syscall', defines: 'OSZAPCDI' }],
  ['0f 08', 'invd', '', SYSTEM],
  ['f3 0f 09', 'wbnoinvd', '', { ...SYSTEM, feature: 'wbnoinvd', semantics: 'wbinvd' }],
  ['0f 09', 'wbinvd', '', SYSTEM],
  ['0f 0b', 'ud2', '', ENDS],
  ['0f 0d /0 mem', 'prefetch', 'Mb', NOTHING],
  ['0f 0d /1 mem', 'prefetchw', 'Mb', NOTHING],
  ['0f 0d mem', 'nop', 'Mb'],
  ['0f 18 /0 mem', 'prefetchnta', 'Mb', NOTHING],
  ['0f 18 /1 mem', 'prefetcht0', 'Mb', NOTHING],
  ['0f 18 /2 mem', 'prefetcht1', 'Mb', NOTHING],
  ['0f 18 /3 mem', 'prefetcht2', 'Mb', NOTHING],
  ['0f 18', 'nop', 'Ev'],
  ['0f 19', 'nop', 'Ev'],
  // MPX while BNDCFGU and BNDCFGS are off.
  ['0f 1a', 'nop', 'Ev'],
  ['0f 1b', 'nop', 'Ev'],
  ['np 0f 1c /0 mem', 'cldemote', 'Mb', { ...NOTHING, feature: 'cldemote' }],
  ['0f 1c', 'nop', 'Ev'],
  ['0f 1d', 'nop', 'Ev'],
  // CET, switched off.
  ['f3 0f 1e fa', 'endbr64', '', NOTHING],
  ['f3 0f 1e fb', 'endbr32', '', NOTHING],
  ['0f 1e', 'nop', 'Ev'],
  ['0f 1f', 'nop', 'Ev'],
  ['0f 20', 'mov', 'Ry,Cy', { ...WHOLE, semantics: 'mov_from_cr' }],
  ['0f 21', 'mov', 'Ry,Dy', { ...WHOLE, semantics: 'mov_from_dr' }],
  ['0f 22', 'mov', 'Cy,Ry', { ...WHOLE, ends: true, semantics: 'mov_to_cr' }],
  ['0f 23', 'mov', 'Dy,Ry', { ...WHOLE, ends: true, semantics: 'mov_to_dr' }],
  ['0f 30', 'wrmsr', '', SYSTEM_ENDS],
  ['0f 31', 'rdtsc'],
  ['0f 32', 'rdmsr', '', SYSTEM],
  ['0f 33', 'rdpmc'],
  ['0f 34', 'sysenter', '', { ...PROTECTED, ...ENDS, feature: 'sep', defines: 'I' }],
  ['0f 35', 'sysexit', '', { ...PROTECTED, ...SYSTEM_ENDS, feature: 'sep' }],
  ['0f 40+cc', 'cmov', 'Gv,Ev', { feature: 'cmov' }],
  ['0f 80+cc', 'j', 'Jz', { ends: true, size64: 'forced' }],
  ['0f 90+cc', 'set', 'Eb'],
  ['0f a0', 'push', 'FS', D64],
  ['0f a1', 'pop', 'FS', { ...D64, ...SEGMENT }],
  ['0f a2', 'cpuid', '', ENDS],
  ...bitTests,
  ['0f a4', 'shld', 'Ev,Gv,Ib', DOUBLE],
  ['0f a5', 'shld', 'Ev,Gv,CL', DOUBLE],
  ['0f a8', 'push', 'GS', D64],
  ['0f a9', 'pop', 'GS', { ...D64, ...SEGMENT }],
  ['0f aa', 'rsm', '', { ...SYSTEM_ENDS, defines: 'OSZAPCDI' }],
  ['0f ac', 'shrd', 'Ev,Gv,Ib', DOUBLE],
  ['0f ad', 'shrd', 'Ev,Gv,CL', DOUBLE],
  ['f3 0f ae /0 reg', 'rdfsbase', 'Ry', { feature: 'fsgsbase', mode: 'only64' }],
  ['f3 0f ae /1 reg', 'rdgsbase', 'Ry', { feature: 'fsgsbase', mode: 'only64' }],
  ['f3 0f ae /2 reg', 'wrfsbase', 'Ry', { feature: 'fsgsbase', mode: 'only64' }],
  ['f3 0f ae /3 reg', 'wrgsbase', 'Ry', { feature: 'fsgsbase', mode: 'only64' }],
  ['np 0f ae /0 mem w1', 'fxsave64', 'M512', { feature: 'fxsr', semantics: 'fxsave' }],
  ['np 0f ae /0 mem', 'fxsave', 'M512', { feature: 'fxsr' }],
  ['np 0f ae /1 mem w1', 'fxrstor64', 'M512', { feature: 'fxsr', semantics: 'fxrstor' }],
  ['np 0f ae /1 mem', 'fxrstor', 'M512', { feature: 'fxsr' }],
  ['np 0f ae /2 mem', 'ldmxcsr', 'Md', { feature: 'sse' }],
  ['np 0f ae /3 mem', 'stmxcsr', 'Md', { feature: 'sse' }],
  ['np 0f ae /4 mem w1', 'xsave64', 'M', { feature: 'xsave', semantics: 'xsave' }],
  ['np 0f ae /4 mem', 'xsave', 'M', { feature: 'xsave' }],
  ['np 0f ae /5 mem w1', 'xrstor64', 'M', { feature: 'xsave', semantics: 'xrstor', ends: true }],
  ['np 0f ae /5 mem', 'xrstor', 'M', { feature: 'xsave', ends: true }],
  ['np 0f ae /6 mem w1', 'xsaveopt64', 'M', { feature: 'xsaveopt', semantics: 'xsaveopt' }],
  ['np 0f ae /6 mem', 'xsaveopt', 'M', { feature: 'xsaveopt' }],
  ['66 0f ae /6 mem', 'clwb', 'Mb', { ...NOTHING, feature: 'clwb' }],
  ['np 0f ae /7 mem', 'clflush', 'Mb', { ...NOTHING, feature: 'clflush' }],
  ['66 0f ae /7 mem', 'clflushopt', 'Mb', { ...NOTHING, feature: 'clflushopt' }],
  ['np 0f ae /5 reg', 'lfence', '', { ...NOTHING, feature: 'sse2' }],
  ['np 0f ae /6 reg', 'mfence', '', { ...NOTHING, feature: 'sse2' }],
  ['np 0f ae /7 reg', 'sfence', '', { ...NOTHING, feature: 'sse' }],
  ['0f af', 'imul', 'Gv,Ev', { defines: 'OC', undefined: 'SZAP' }],
  ['0f b0', 'cmpxchg', 'Eb,Gb', { lock: true, defines: ARITH }],
  ['0f b1', 'cmpxchg', 'Ev,Gv', { lock: true, defines: ARITH }],
  ['0f b2', 'lss', 'Gv,Mp', SEGMENT],
  ['0f b4', 'lfs', 'Gv,Mp', SEGMENT],
  ['0f b5', 'lgs', 'Gv,Mp', SEGMENT],
  ['0f b6', 'movzx', 'Gv,Eb'],
  ['0f b7', 'movzx', 'Gv,Ew'],
  ['f3 0f b8', 'popcnt', 'Gv,Ev', { feature: 'popcnt', defines: ARITH }],
  ['0f b9', 'ud1', 'Gv,Ev', ENDS],
  ['f3 0f bc', 'tzcnt', 'Gv,Ev', { feature: 'bmi1', defines: 'ZC', undefined: 'OSAP' }],
  ['0f bc', 'bsf', 'Gv,Ev', { defines: 'Z', undefined: 'OSAPC' }],
  ['f3 0f bd', 'lzcnt', 'Gv,Ev', { feature: 'abm', defines: 'ZC', undefined: 'OSAP' }],
  ['0f bd', 'bsr', 'Gv,Ev', { defines: 'Z', undefined: 'OSAPC' }],
  ['0f be', 'movsx', 'Gv,Eb'],
  ['0f bf', 'movsx', 'Gv,Ew'],
  ['0f c0', 'xadd', 'Eb,Gb', { lock: true, defines: ARITH }],
  ['0f c1', 'xadd', 'Ev,Gv', { lock: true, defines: ARITH }],
  ['np 0f c3 mem', 'movnti', 'My,Gy', { feature: 'sse2' }],
  ['0f c7 /1 mem w1', 'cmpxchg16b', 'Mdq', { lock: true, feature: 'cx16', mode: 'only64', defines: 'Z' }],
  ['0f c7 /1 mem', 'cmpxchg8b', 'Mq', { lock: true, feature: 'cx8', defines: 'Z' }],
  ['np 0f c7 /6 reg', 'rdrand', 'Rv', { feature: 'rdrand', defines: ARITH }],
  ['66 0f c7 /6 reg', 'rdrand', 'Rv', { feature: 'rdrand', defines: ARITH }],
  ['f3 0f c7 /7 reg', 'rdpid', 'Rq', { feature: 'rdpid', mode: 'only64' }],
  ['f3 0f c7 /7 reg', 'rdpid', 'Rd', { feature: 'rdpid' }],
  ['np 0f c7 /7 reg', 'rdseed', 'Rv', { feature: 'rdseed', defines: ARITH }],
  ['66 0f c7 /7 reg', 'rdseed', 'Rv', { feature: 'rdseed', defines: ARITH }],
  ['0f c8+r', 'bswap', 'Zy'],
  ['0f ff', 'ud0', 'Gv,Ev', ENDS],

  ['66 0f38 82 mem', 'invpcid', 'Gy,Mdq', { ...SYSTEM_ENDS, feature: 'invpcid', size64: 'forced' }],
  ['np 0f38 f0', 'movbe', 'Gv,Mv', { feature: 'movbe' }],
  ['66 0f38 f0', 'movbe', 'Gv,Mv', { feature: 'movbe' }],
  ['np 0f38 f1', 'movbe', 'Mv,Gv', { feature: 'movbe' }],
  ['66 0f38 f1', 'movbe', 'Mv,Gv', { feature: 'movbe' }],
  ['f2 0f38 f0', 'crc32', 'Gy,Eb', { feature: 'sse4.2' }],
  ['f2 0f38 f1', 'crc32', 'Gy,Ev', { feature: 'sse4.2' }],
  ['66 0f38 f6', 'adcx', 'Gy,Ey', { feature: 'adx', uses: 'C', defines: 'C' }],
  ['f3 0f38 f6', 'adox', 'Gy,Ey', { feature: 'adx', uses: 'O', defines: 'O' }]
]);
