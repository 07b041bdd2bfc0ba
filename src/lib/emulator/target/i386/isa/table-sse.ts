/**
 * MMX, SSE to SSE4.2, SSE4A, AES, PCLMULQDQ, SHA in their legacy encodings. SDM 2, appendix A; QEMU
 * target/i386/tcg/decode-new.c.inc. The families at the top have VEX forms of the same shape, which `table-avx.ts` makes.
 */
import { rows, type Facts, type Line } from './table-row.ts';

/** Opcode with its map, name, feature of the MMX form (if there is one), feature of the SSE form. */
export type Packed = readonly [opcode: string, name: string, mmx: string | undefined, sse: string];

/** Two sources of integers: V, W and with VEX V, H, W. */
export const PACKED: readonly Packed[] = [
  ['0f 63', 'packsswb', 'mmx', 'sse2'],
  ['0f 64', 'pcmpgtb', 'mmx', 'sse2'],
  ['0f 65', 'pcmpgtw', 'mmx', 'sse2'],
  ['0f 66', 'pcmpgtd', 'mmx', 'sse2'],
  ['0f 67', 'packuswb', 'mmx', 'sse2'],
  ['0f 68', 'punpckhbw', 'mmx', 'sse2'],
  ['0f 69', 'punpckhwd', 'mmx', 'sse2'],
  ['0f 6a', 'punpckhdq', 'mmx', 'sse2'],
  ['0f 6b', 'packssdw', 'mmx', 'sse2'],
  ['0f 6c', 'punpcklqdq', undefined, 'sse2'],
  ['0f 6d', 'punpckhqdq', undefined, 'sse2'],
  ['0f 74', 'pcmpeqb', 'mmx', 'sse2'],
  ['0f 75', 'pcmpeqw', 'mmx', 'sse2'],
  ['0f 76', 'pcmpeqd', 'mmx', 'sse2'],
  ['0f d4', 'paddq', 'sse2', 'sse2'],
  ['0f d5', 'pmullw', 'mmx', 'sse2'],
  ['0f d8', 'psubusb', 'mmx', 'sse2'],
  ['0f d9', 'psubusw', 'mmx', 'sse2'],
  ['0f da', 'pminub', 'sse', 'sse2'],
  ['0f db', 'pand', 'mmx', 'sse2'],
  ['0f dc', 'paddusb', 'mmx', 'sse2'],
  ['0f dd', 'paddusw', 'mmx', 'sse2'],
  ['0f de', 'pmaxub', 'sse', 'sse2'],
  ['0f df', 'pandn', 'mmx', 'sse2'],
  ['0f e0', 'pavgb', 'sse', 'sse2'],
  ['0f e3', 'pavgw', 'sse', 'sse2'],
  ['0f e4', 'pmulhuw', 'sse', 'sse2'],
  ['0f e5', 'pmulhw', 'mmx', 'sse2'],
  ['0f e8', 'psubsb', 'mmx', 'sse2'],
  ['0f e9', 'psubsw', 'mmx', 'sse2'],
  ['0f ea', 'pminsw', 'sse', 'sse2'],
  ['0f eb', 'por', 'mmx', 'sse2'],
  ['0f ec', 'paddsb', 'mmx', 'sse2'],
  ['0f ed', 'paddsw', 'mmx', 'sse2'],
  ['0f ee', 'pmaxsw', 'sse', 'sse2'],
  ['0f ef', 'pxor', 'mmx', 'sse2'],
  ['0f f4', 'pmuludq', 'sse2', 'sse2'],
  ['0f f5', 'pmaddwd', 'mmx', 'sse2'],
  ['0f f6', 'psadbw', 'sse', 'sse2'],
  ['0f f8', 'psubb', 'mmx', 'sse2'],
  ['0f f9', 'psubw', 'mmx', 'sse2'],
  ['0f fa', 'psubd', 'mmx', 'sse2'],
  ['0f fb', 'psubq', 'sse2', 'sse2'],
  ['0f fc', 'paddb', 'mmx', 'sse2'],
  ['0f fd', 'paddw', 'mmx', 'sse2'],
  ['0f fe', 'paddd', 'mmx', 'sse2'],
  ['0f38 00', 'pshufb', 'ssse3', 'ssse3'],
  ['0f38 01', 'phaddw', 'ssse3', 'ssse3'],
  ['0f38 02', 'phaddd', 'ssse3', 'ssse3'],
  ['0f38 03', 'phaddsw', 'ssse3', 'ssse3'],
  ['0f38 04', 'pmaddubsw', 'ssse3', 'ssse3'],
  ['0f38 05', 'phsubw', 'ssse3', 'ssse3'],
  ['0f38 06', 'phsubd', 'ssse3', 'ssse3'],
  ['0f38 07', 'phsubsw', 'ssse3', 'ssse3'],
  ['0f38 08', 'psignb', 'ssse3', 'ssse3'],
  ['0f38 09', 'psignw', 'ssse3', 'ssse3'],
  ['0f38 0a', 'psignd', 'ssse3', 'ssse3'],
  ['0f38 0b', 'pmulhrsw', 'ssse3', 'ssse3'],
  ['0f38 28', 'pmuldq', undefined, 'sse4.1'],
  ['0f38 29', 'pcmpeqq', undefined, 'sse4.1'],
  ['0f38 2b', 'packusdw', undefined, 'sse4.1'],
  ['0f38 37', 'pcmpgtq', undefined, 'sse4.2'],
  ['0f38 38', 'pminsb', undefined, 'sse4.1'],
  ['0f38 39', 'pminsd', undefined, 'sse4.1'],
  ['0f38 3a', 'pminuw', undefined, 'sse4.1'],
  ['0f38 3b', 'pminud', undefined, 'sse4.1'],
  ['0f38 3c', 'pmaxsb', undefined, 'sse4.1'],
  ['0f38 3d', 'pmaxsd', undefined, 'sse4.1'],
  ['0f38 3e', 'pmaxuw', undefined, 'sse4.1'],
  ['0f38 3f', 'pmaxud', undefined, 'sse4.1'],
  ['0f38 40', 'pmulld', undefined, 'sse4.1']
];

/** As above, but the MMX form reads only half of its memory operand. */
export const UNPACK_LOW: readonly (readonly [string, string])[] = [
  ['0f 60', 'punpcklbw'],
  ['0f 61', 'punpcklwd'],
  ['0f 62', 'punpckldq']
];

/** Shifts: the count is 128 bits wide (64 in MMX), or an immediate in the groups 12 to 14. */
export const SHIFTS: readonly (readonly [opcode: string, name: string, group: string])[] = [
  ['0f d1', 'psrlw', '0f 71 /2'],
  ['0f d2', 'psrld', '0f 72 /2'],
  ['0f d3', 'psrlq', '0f 73 /2'],
  ['0f e1', 'psraw', '0f 71 /4'],
  ['0f e2', 'psrad', '0f 72 /4'],
  ['0f f1', 'psllw', '0f 71 /6'],
  ['0f f2', 'pslld', '0f 72 /6'],
  ['0f f3', 'psllq', '0f 73 /6']
];

/** One source of integers, no second with VEX either. */
export const PACKED_UNARY: readonly Packed[] = [
  ['0f38 1c', 'pabsb', 'ssse3', 'ssse3'],
  ['0f38 1d', 'pabsw', 'ssse3', 'ssse3'],
  ['0f38 1e', 'pabsd', 'ssse3', 'ssse3']
];

/** PMOVSX and PMOVZX: how much of the source they take. */
export const EXTENSIONS: readonly (readonly [opcode: string, name: string, source: string])[] = (
  [
    ['2', 'pmovsx'],
    ['3', 'pmovzx']
  ] as const
).flatMap(([row, name]) =>
  (['bw xh', 'bd xq', 'bq xo', 'wd xh', 'wq xq', 'dq xh'] as const).map((form, i) => {
    const [sizes, source] = form.split(' ');
    return [`0f38 ${row}${i}`, name + sizes!, source!] as const;
  })
);

/** Floating-point operations on packed and scalar, single and double. */
export const FLOAT: readonly (readonly [opcode: string, name: string])[] = [
  ['0f 58', 'add'],
  ['0f 59', 'mul'],
  ['0f 5c', 'sub'],
  ['0f 5d', 'min'],
  ['0f 5e', 'div'],
  ['0f 5f', 'max']
];

/** Floating-point operations on packed single (none) and double (66) only. */
export const FLOAT_PACKED: readonly (readonly [opcode: string, name: string])[] = [
  ['0f 14', 'unpckl'],
  ['0f 15', 'unpckh'],
  ['0f 54', 'and'],
  ['0f 55', 'andn'],
  ['0f 56', 'or'],
  ['0f 57', 'xor']
];

const feature = (name: string): Facts => ({ feature: name });
const MMX = feature('mmx');
const SSE = feature('sse');
const SSE2 = feature('sse2');
const SSE3 = feature('pni');
const SSE41 = feature('sse4.1');
const SSE42: Facts = { feature: 'sse4.2', defines: 'OSZAPC' };
const SSE4A = feature('sse4a');
const AES = feature('aes');
const SHA = feature('sha-ni');
const COMPARE = (name: string): Facts => ({ feature: name, defines: 'OSZAPC' });

const packed = PACKED.flatMap(([opcode, name, mmx, sse]): Line[] => [
  ...(mmx === undefined ? [] : [[`np ${opcode}`, name, 'Pq,Qq', feature(mmx)] as const]),
  [`66 ${opcode}`, name, 'Vx,Wx', feature(sse)]
]);
const unpackLow = UNPACK_LOW.flatMap(([opcode, name]): Line[] => [
  [`np ${opcode}`, name, 'Pq,Qd', MMX],
  [`66 ${opcode}`, name, 'Vx,Wx', SSE2]
]);
const shifts = SHIFTS.flatMap(([opcode, name, group]): Line[] => [
  [`np ${opcode}`, name, 'Pq,Qq', MMX],
  [`66 ${opcode}`, name, 'Vx,Wx', SSE2],
  [`np ${group}`, name, 'Nq,Ib', MMX],
  [`66 ${group}`, name, 'Ux,Ib', SSE2]
]);
const unary = PACKED_UNARY.flatMap(([opcode, name, mmx, sse]): Line[] => [
  [`np ${opcode}`, name, 'Pq,Qq', feature(mmx!)],
  [`66 ${opcode}`, name, 'Vx,Wx', feature(sse)]
]);
const extensions = EXTENSIONS.map(([opcode, name, source]): Line => [`66 ${opcode}`, name, `Vx,W${source}`, SSE41]);
const float = FLOAT.flatMap(([opcode, name]): Line[] => [
  [`np ${opcode}`, `${name}ps`, 'Vx,Wx', SSE],
  [`66 ${opcode}`, `${name}pd`, 'Vx,Wx', SSE2],
  [`f3 ${opcode}`, `${name}ss`, 'Vd,Wd', SSE],
  [`f2 ${opcode}`, `${name}sd`, 'Vq,Wq', SSE2]
]);
const floatPacked = FLOAT_PACKED.flatMap(([opcode, name]): Line[] => [
  [`np ${opcode}`, `${name}ps`, 'Vx,Wx', SSE],
  [`66 ${opcode}`, `${name}pd`, 'Vx,Wx', SSE2]
]);

export const sse = rows([
  ...packed,
  ...unpackLow,
  ...shifts,
  ...unary,
  ...extensions,
  ...float,
  ...floatPacked,

  ['np 0f 10', 'movups', 'Vx,Wx', SSE],
  ['66 0f 10', 'movupd', 'Vx,Wx', SSE2],
  ['f3 0f 10', 'movss', 'Vd,Wd', SSE],
  ['f2 0f 10', 'movsd', 'Vq,Wq', SSE2],
  ['np 0f 11', 'movups', 'Wx,Vx', SSE],
  ['66 0f 11', 'movupd', 'Wx,Vx', SSE2],
  ['f3 0f 11', 'movss', 'Wd,Vd', SSE],
  ['f2 0f 11', 'movsd', 'Wq,Vq', SSE2],
  ['np 0f 12', 'movhlps', 'Vq,Uq', SSE],
  ['np 0f 12', 'movlps', 'Vq,Mq', SSE],
  ['66 0f 12', 'movlpd', 'Vq,Mq', SSE2],
  ['f3 0f 12', 'movsldup', 'Vx,Wx', SSE3],
  ['f2 0f 12', 'movddup', 'Vx,Wq', SSE3],
  ['np 0f 13', 'movlps', 'Mq,Vq', SSE],
  ['66 0f 13', 'movlpd', 'Mq,Vq', SSE2],
  ['np 0f 16', 'movlhps', 'Vq,Uq', SSE],
  ['np 0f 16', 'movhps', 'Vq,Mq', SSE],
  ['66 0f 16', 'movhpd', 'Vq,Mq', SSE2],
  ['f3 0f 16', 'movshdup', 'Vx,Wx', SSE3],
  ['np 0f 17', 'movhps', 'Mq,Vq', SSE],
  ['66 0f 17', 'movhpd', 'Mq,Vq', SSE2],
  ['np 0f 28', 'movaps', 'Vx,Wx', SSE],
  ['66 0f 28', 'movapd', 'Vx,Wx', SSE2],
  ['np 0f 29', 'movaps', 'Wx,Vx', SSE],
  ['66 0f 29', 'movapd', 'Wx,Vx', SSE2],
  ['np 0f 2a', 'cvtpi2ps', 'Vq,Qq', SSE],
  ['66 0f 2a', 'cvtpi2pd', 'Vx,Qq', SSE2],
  ['f3 0f 2a', 'cvtsi2ss', 'Vd,Ey', SSE],
  ['f2 0f 2a', 'cvtsi2sd', 'Vq,Ey', SSE2],
  ['np 0f 2b', 'movntps', 'Mx,Vx', SSE],
  ['66 0f 2b', 'movntpd', 'Mx,Vx', SSE2],
  ['f3 0f 2b', 'movntss', 'Md,Vd', SSE4A],
  ['f2 0f 2b', 'movntsd', 'Mq,Vq', SSE4A],
  ['np 0f 2c', 'cvttps2pi', 'Pq,Wq', SSE],
  ['66 0f 2c', 'cvttpd2pi', 'Pq,Wx', SSE2],
  ['f3 0f 2c', 'cvttss2si', 'Gy,Wd', SSE],
  ['f2 0f 2c', 'cvttsd2si', 'Gy,Wq', SSE2],
  ['np 0f 2d', 'cvtps2pi', 'Pq,Wq', SSE],
  ['66 0f 2d', 'cvtpd2pi', 'Pq,Wx', SSE2],
  ['f3 0f 2d', 'cvtss2si', 'Gy,Wd', SSE],
  ['f2 0f 2d', 'cvtsd2si', 'Gy,Wq', SSE2],
  ['np 0f 2e', 'ucomiss', 'Vd,Wd', COMPARE('sse')],
  ['66 0f 2e', 'ucomisd', 'Vq,Wq', COMPARE('sse2')],
  ['np 0f 2f', 'comiss', 'Vd,Wd', COMPARE('sse')],
  ['66 0f 2f', 'comisd', 'Vq,Wq', COMPARE('sse2')],
  ['np 0f 50', 'movmskps', 'Gy,Ux', SSE],
  ['66 0f 50', 'movmskpd', 'Gy,Ux', SSE2],
  ['np 0f 51', 'sqrtps', 'Vx,Wx', SSE],
  ['66 0f 51', 'sqrtpd', 'Vx,Wx', SSE2],
  ['f3 0f 51', 'sqrtss', 'Vd,Wd', SSE],
  ['f2 0f 51', 'sqrtsd', 'Vq,Wq', SSE2],
  ['np 0f 52', 'rsqrtps', 'Vx,Wx', SSE],
  ['f3 0f 52', 'rsqrtss', 'Vd,Wd', SSE],
  ['np 0f 53', 'rcpps', 'Vx,Wx', SSE],
  ['f3 0f 53', 'rcpss', 'Vd,Wd', SSE],
  ['np 0f 5a', 'cvtps2pd', 'Vx,Wxh', SSE2],
  ['66 0f 5a', 'cvtpd2ps', 'Vx,Wx', SSE2],
  ['f3 0f 5a', 'cvtss2sd', 'Vq,Wd', SSE2],
  ['f2 0f 5a', 'cvtsd2ss', 'Vd,Wq', SSE2],
  ['np 0f 5b', 'cvtdq2ps', 'Vx,Wx', SSE2],
  ['66 0f 5b', 'cvtps2dq', 'Vx,Wx', SSE2],
  ['f3 0f 5b', 'cvttps2dq', 'Vx,Wx', SSE2],
  ['np 0f 6e w1', 'movq', 'Pq,Eq', { ...MMX, mode: 'only64' }],
  ['np 0f 6e', 'movd', 'Pq,Ed', MMX],
  ['66 0f 6e w1', 'movq', 'Vx,Eq', { ...SSE2, mode: 'only64' }],
  ['66 0f 6e', 'movd', 'Vx,Ed', SSE2],
  ['np 0f 6f', 'movq', 'Pq,Qq', MMX],
  ['66 0f 6f', 'movdqa', 'Vx,Wx', SSE2],
  ['f3 0f 6f', 'movdqu', 'Vx,Wx', SSE2],
  ['np 0f 70', 'pshufw', 'Pq,Qq,Ib', SSE],
  ['66 0f 70', 'pshufd', 'Vx,Wx,Ib', SSE2],
  ['f3 0f 70', 'pshufhw', 'Vx,Wx,Ib', SSE2],
  ['f2 0f 70', 'pshuflw', 'Vx,Wx,Ib', SSE2],
  ['66 0f 73 /3', 'psrldq', 'Ux,Ib', SSE2],
  ['66 0f 73 /7', 'pslldq', 'Ux,Ib', SSE2],
  ['np 0f 77', 'emms', '', MMX],
  ['66 0f 78 /0', 'extrq', 'Ux,Ib,Ib', SSE4A],
  ['f2 0f 78', 'insertq', 'Vx,Ux,Ib,Ib', SSE4A],
  ['66 0f 79', 'extrq', 'Vx,Ux', SSE4A],
  ['f2 0f 79', 'insertq', 'Vx,Ux', SSE4A],
  ['66 0f 7c', 'haddpd', 'Vx,Wx', SSE3],
  ['f2 0f 7c', 'haddps', 'Vx,Wx', SSE3],
  ['66 0f 7d', 'hsubpd', 'Vx,Wx', SSE3],
  ['f2 0f 7d', 'hsubps', 'Vx,Wx', SSE3],
  ['np 0f 7e w1', 'movq', 'Eq,Pq', { ...MMX, mode: 'only64' }],
  ['np 0f 7e', 'movd', 'Ed,Pq', MMX],
  ['66 0f 7e w1', 'movq', 'Eq,Vx', { ...SSE2, mode: 'only64' }],
  ['66 0f 7e', 'movd', 'Ed,Vx', SSE2],
  ['f3 0f 7e', 'movq', 'Vx,Wq', SSE2],
  ['np 0f 7f', 'movq', 'Qq,Pq', MMX],
  ['66 0f 7f', 'movdqa', 'Wx,Vx', SSE2],
  ['f3 0f 7f', 'movdqu', 'Wx,Vx', SSE2],
  ['np 0f c2', 'cmpps', 'Vx,Wx,Ib', SSE],
  ['66 0f c2', 'cmppd', 'Vx,Wx,Ib', SSE2],
  ['f3 0f c2', 'cmpss', 'Vd,Wd,Ib', SSE],
  ['f2 0f c2', 'cmpsd', 'Vq,Wq,Ib', SSE2],
  ['np 0f c4 reg', 'pinsrw', 'Pq,Ry,Ib', SSE],
  ['np 0f c4', 'pinsrw', 'Pq,Mw,Ib', SSE],
  ['66 0f c4 reg', 'pinsrw', 'Vx,Ry,Ib', SSE2],
  ['66 0f c4', 'pinsrw', 'Vx,Mw,Ib', SSE2],
  ['np 0f c5', 'pextrw', 'Gy,Nq,Ib', SSE],
  ['66 0f c5', 'pextrw', 'Gy,Ux,Ib', SSE2],
  ['np 0f c6', 'shufps', 'Vx,Wx,Ib', SSE],
  ['66 0f c6', 'shufpd', 'Vx,Wx,Ib', SSE2],
  ['66 0f d0', 'addsubpd', 'Vx,Wx', SSE3],
  ['f2 0f d0', 'addsubps', 'Vx,Wx', SSE3],
  ['66 0f d6', 'movq', 'Wq,Vx', SSE2],
  ['f3 0f d6', 'movq2dq', 'Vx,Nq', SSE2],
  ['f2 0f d6', 'movdq2q', 'Pq,Uq', SSE2],
  ['np 0f d7', 'pmovmskb', 'Gy,Nq', SSE],
  ['66 0f d7', 'pmovmskb', 'Gy,Ux', SSE2],
  ['66 0f e6', 'cvttpd2dq', 'Vx,Wx', SSE2],
  ['f3 0f e6', 'cvtdq2pd', 'Vx,Wxh', SSE2],
  ['f2 0f e6', 'cvtpd2dq', 'Vx,Wx', SSE2],
  ['np 0f e7', 'movntq', 'Mq,Pq', SSE],
  ['66 0f e7', 'movntdq', 'Mx,Vx', SSE2],
  ['f2 0f f0', 'lddqu', 'Vx,Mx', SSE3],
  // Stores to DS:rDI, under an override; not among the operands.
  ['np 0f f7', 'maskmovq', 'Pq,Nq', SSE],
  ['66 0f f7', 'maskmovdqu', 'Vx,Ux', SSE2],

  ['66 0f38 10', 'pblendvb', 'Vx,Wx,XMM0', SSE41],
  ['66 0f38 14', 'blendvps', 'Vx,Wx,XMM0', SSE41],
  ['66 0f38 15', 'blendvpd', 'Vx,Wx,XMM0', SSE41],
  ['66 0f38 17', 'ptest', 'Vx,Wx', COMPARE('sse4.1')],
  ['66 0f38 2a', 'movntdqa', 'Vx,Mx', SSE41],
  ['66 0f38 41', 'phminposuw', 'Vx,Wx', SSE41],
  ['np 0f38 c8', 'sha1nexte', 'Vx,Wx', SHA],
  ['np 0f38 c9', 'sha1msg1', 'Vx,Wx', SHA],
  ['np 0f38 ca', 'sha1msg2', 'Vx,Wx', SHA],
  ['np 0f38 cb', 'sha256rnds2', 'Vx,Wx,XMM0', SHA],
  ['np 0f38 cc', 'sha256msg1', 'Vx,Wx', SHA],
  ['np 0f38 cd', 'sha256msg2', 'Vx,Wx', SHA],
  ['66 0f38 db', 'aesimc', 'Vx,Wx', AES],
  ['66 0f38 dc', 'aesenc', 'Vx,Wx', AES],
  ['66 0f38 dd', 'aesenclast', 'Vx,Wx', AES],
  ['66 0f38 de', 'aesdec', 'Vx,Wx', AES],
  ['66 0f38 df', 'aesdeclast', 'Vx,Wx', AES],

  ['66 0f3a 08', 'roundps', 'Vx,Wx,Ib', SSE41],
  ['66 0f3a 09', 'roundpd', 'Vx,Wx,Ib', SSE41],
  ['66 0f3a 0a', 'roundss', 'Vd,Wd,Ib', SSE41],
  ['66 0f3a 0b', 'roundsd', 'Vq,Wq,Ib', SSE41],
  ['66 0f3a 0c', 'blendps', 'Vx,Wx,Ib', SSE41],
  ['66 0f3a 0d', 'blendpd', 'Vx,Wx,Ib', SSE41],
  ['66 0f3a 0e', 'pblendw', 'Vx,Wx,Ib', SSE41],
  ['np 0f3a 0f', 'palignr', 'Pq,Qq,Ib', feature('ssse3')],
  ['66 0f3a 0f', 'palignr', 'Vx,Wx,Ib', feature('ssse3')],
  ['66 0f3a 14 reg', 'pextrb', 'Ry,Vx,Ib', SSE41],
  ['66 0f3a 14', 'pextrb', 'Mb,Vx,Ib', SSE41],
  ['66 0f3a 15 reg', 'pextrw', 'Ry,Vx,Ib', SSE41],
  ['66 0f3a 15', 'pextrw', 'Mw,Vx,Ib', SSE41],
  ['66 0f3a 16 w1', 'pextrq', 'Eq,Vx,Ib', { ...SSE41, mode: 'only64' }],
  ['66 0f3a 16', 'pextrd', 'Ed,Vx,Ib', SSE41],
  ['66 0f3a 17 reg', 'extractps', 'Ry,Vx,Ib', SSE41],
  ['66 0f3a 17', 'extractps', 'Md,Vx,Ib', SSE41],
  ['66 0f3a 20 reg', 'pinsrb', 'Vx,Ry,Ib', SSE41],
  ['66 0f3a 20', 'pinsrb', 'Vx,Mb,Ib', SSE41],
  ['66 0f3a 21', 'insertps', 'Vx,Wd,Ib', SSE41],
  ['66 0f3a 22 w1', 'pinsrq', 'Vx,Eq,Ib', { ...SSE41, mode: 'only64' }],
  ['66 0f3a 22', 'pinsrd', 'Vx,Ed,Ib', SSE41],
  ['66 0f3a 40', 'dpps', 'Vx,Wx,Ib', SSE41],
  ['66 0f3a 41', 'dppd', 'Vx,Wx,Ib', SSE41],
  ['66 0f3a 42', 'mpsadbw', 'Vx,Wx,Ib', SSE41],
  ['66 0f3a 44', 'pclmulqdq', 'Vx,Wx,Ib', feature('pclmulqdq')],
  ['66 0f3a 60', 'pcmpestrm', 'Vx,Wx,Ib,XMM0', SSE42],
  ['66 0f3a 61', 'pcmpestri', 'Vx,Wx,Ib', SSE42],
  ['66 0f3a 62', 'pcmpistrm', 'Vx,Wx,Ib,XMM0', SSE42],
  ['66 0f3a 63', 'pcmpistri', 'Vx,Wx,Ib', SSE42],
  ['np 0f3a cc', 'sha1rnds4', 'Vx,Wx,Ib', SHA],
  ['66 0f3a df', 'aeskeygenassist', 'Vx,Wx,Ib', AES]
]);
