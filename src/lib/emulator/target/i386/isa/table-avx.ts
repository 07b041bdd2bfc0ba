/**
 * VEX encodings: AVX, AVX2, F16C, FMA, BMI1, BMI2, CMPccXADD. SDM 2, appendix A; QEMU
 * target/i386/tcg/decode-new.c.inc. Rows without `l` take both lengths, or ignore it where the operands are scalar.
 */
import { rows, type Facts, type Line } from './table-row.ts';
import { EXTENSIONS, FLOAT, FLOAT_PACKED, PACKED, PACKED_UNARY, SHIFTS, UNPACK_LOW } from './table-sse.ts';

const AVX: Facts = { feature: 'avx' };
const AVX2: Facts = { feature: 'avx2' };
const F16C: Facts = { feature: 'f16c' };
const BMI1: Facts = { feature: 'bmi1' };
const BMI2: Facts = { feature: 'bmi2' };
const COMPARE: Facts = { ...AVX, defines: 'OSZAPC' };

/** The VEX form of an SSE operation: its name is that of the operation with a v. */
const v = (encoding: string, name: string, operands = '', facts: Facts = AVX): Line => [
  `vex${encoding.startsWith('.') ? '' : ' '}${encoding}`,
  `v${name}`,
  operands,
  { semantics: name, ...facts }
];
/** An operation that only VEX has. */
const own = (encoding: string, name: string, operands: string, facts: Facts): Line => [
  `vex${encoding.startsWith('.') ? '' : ' '}${encoding}`,
  name,
  operands,
  facts
];
/** Integer operations: 128 bits are AVX, 256 are AVX2. */
const both = (encoding: string, name: string, operands: string): Line[] => [
  v(`.l0 ${encoding}`, name, operands),
  v(`.l1 ${encoding}`, name, operands, AVX2)
];

const packed = [...PACKED, ...UNPACK_LOW].flatMap(([opcode, name]) => both(`66 ${opcode}`, name, 'Vx,Hx,Wx'));
const shifts = SHIFTS.flatMap(([opcode, name, group]) => [
  ...both(`66 ${opcode}`, name, 'Vx,Hx,Wdq'),
  ...both(`66 ${group}`, name, 'Hx,Ux,Ib')
]);
const unary = PACKED_UNARY.flatMap(([opcode, name]) => both(`66 ${opcode}`, name, 'Vx,Wx'));
const extensions = EXTENSIONS.flatMap(([opcode, name, source]) => both(`66 ${opcode}`, name, `Vx,W${source}`));
const float = FLOAT.flatMap(([opcode, name]) => [
  v(`np ${opcode}`, `${name}ps`, 'Vx,Hx,Wx'),
  v(`66 ${opcode}`, `${name}pd`, 'Vx,Hx,Wx'),
  v(`f3 ${opcode}`, `${name}ss`, 'Vd,Hd,Wd'),
  v(`f2 ${opcode}`, `${name}sd`, 'Vq,Hq,Wq')
]);
const floatPacked = FLOAT_PACKED.flatMap(([opcode, name]) => [
  v(`np ${opcode}`, `${name}ps`, 'Vx,Hx,Wx'),
  v(`66 ${opcode}`, `${name}pd`, 'Vx,Hx,Wx')
]);

/** Low digit of the opcode in rows 9, A and B, and whether it is scalar. */
const FMA_OPS: readonly (readonly [number, string, boolean])[] = [
  [0x6, 'vfmaddsub', false],
  [0x7, 'vfmsubadd', false],
  [0x8, 'vfmadd', false],
  [0x9, 'vfmadd', true],
  [0xa, 'vfmsub', false],
  [0xb, 'vfmsub', true],
  [0xc, 'vfnmadd', false],
  [0xd, 'vfnmadd', true],
  [0xe, 'vfnmsub', false],
  [0xf, 'vfnmsub', true]
];
const fma = (['132', '213', '231'] as const).flatMap((order, i) =>
  FMA_OPS.flatMap(([low, name, scalar]): Line[] => {
    const opcode = `66 0f38 ${(0x90 + 0x10 * i + low).toString(16)}`;
    const facts: Facts = { feature: 'fma' };
    return [
      own(`.w0 ${opcode}`, `${name}${order}${scalar ? 'ss' : 'ps'}`, scalar ? 'Vd,Hd,Wd' : 'Vx,Hx,Wx', facts),
      own(`.w1 ${opcode}`, `${name}${order}${scalar ? 'sd' : 'pd'}`, scalar ? 'Vq,Hq,Wq' : 'Vx,Hx,Wx', facts)
    ];
  })
);

const CMPCC = ['o', 'no', 'b', 'nb', 'z', 'nz', 'be', 'nbe', 's', 'ns', 'p', 'np', 'l', 'nl', 'le', 'nle'] as const;
const cmpccxadd = CMPCC.map((condition, i) =>
  own(`.l0 66 0f38 ${(0xe0 + i).toString(16)}`, `cmp${condition}xadd`, 'My,Gy,By', {
    feature: 'cmpccxadd',
    mode: 'only64',
    semantics: 'cmpccxadd',
    defines: 'OSZAPC'
  })
);

const moves: readonly Line[] = [
  v('np 0f 10', 'movups', 'Vx,Wx'),
  v('66 0f 10', 'movupd', 'Vx,Wx'),
  v('f3 0f 10', 'movss', 'Vd,Hd,Ud'),
  v('f3 0f 10', 'movss', 'Vd,Md'),
  v('f2 0f 10', 'movsd', 'Vq,Hq,Uq'),
  v('f2 0f 10', 'movsd', 'Vq,Mq'),
  v('np 0f 11', 'movups', 'Wx,Vx'),
  v('66 0f 11', 'movupd', 'Wx,Vx'),
  v('f3 0f 11', 'movss', 'Ud,Hd,Vd'),
  v('f3 0f 11', 'movss', 'Md,Vd'),
  v('f2 0f 11', 'movsd', 'Uq,Hq,Vq'),
  v('f2 0f 11', 'movsd', 'Mq,Vq'),
  v('.l0 np 0f 12', 'movhlps', 'Vq,Hq,Uq'),
  v('.l0 np 0f 12', 'movlps', 'Vq,Hq,Mq'),
  v('.l0 66 0f 12', 'movlpd', 'Vq,Hq,Mq'),
  v('f3 0f 12', 'movsldup', 'Vx,Wx'),
  v('.l0 f2 0f 12', 'movddup', 'Vx,Wq'),
  v('.l1 f2 0f 12', 'movddup', 'Vx,Wx'),
  v('.l0 np 0f 13', 'movlps', 'Mq,Vq'),
  v('.l0 66 0f 13', 'movlpd', 'Mq,Vq'),
  v('.l0 np 0f 16', 'movlhps', 'Vq,Hq,Uq'),
  v('.l0 np 0f 16', 'movhps', 'Vq,Hq,Mq'),
  v('.l0 66 0f 16', 'movhpd', 'Vq,Hq,Mq'),
  v('f3 0f 16', 'movshdup', 'Vx,Wx'),
  v('.l0 np 0f 17', 'movhps', 'Mq,Vq'),
  v('.l0 66 0f 17', 'movhpd', 'Mq,Vq'),
  v('np 0f 28', 'movaps', 'Vx,Wx'),
  v('66 0f 28', 'movapd', 'Vx,Wx'),
  v('np 0f 29', 'movaps', 'Wx,Vx'),
  v('66 0f 29', 'movapd', 'Wx,Vx'),
  v('np 0f 2b', 'movntps', 'Mx,Vx'),
  v('66 0f 2b', 'movntpd', 'Mx,Vx'),
  v('np 0f 50', 'movmskps', 'Gy,Ux'),
  v('66 0f 50', 'movmskpd', 'Gy,Ux'),
  v('.l0.w1 66 0f 6e', 'movq', 'Vx,Eq', { ...AVX, mode: 'only64' }),
  v('.l0 66 0f 6e', 'movd', 'Vx,Ed'),
  v('66 0f 6f', 'movdqa', 'Vx,Wx'),
  v('f3 0f 6f', 'movdqu', 'Vx,Wx'),
  ...both('66 0f 70', 'pshufd', 'Vx,Wx,Ib'),
  ...both('f3 0f 70', 'pshufhw', 'Vx,Wx,Ib'),
  ...both('f2 0f 70', 'pshuflw', 'Vx,Wx,Ib'),
  ...both('66 0f 73 /3', 'psrldq', 'Hx,Ux,Ib'),
  ...both('66 0f 73 /7', 'pslldq', 'Hx,Ux,Ib'),
  own('.l0 np 0f 77', 'vzeroupper', '', AVX),
  own('.l1 np 0f 77', 'vzeroall', '', AVX),
  v('.l0.w1 66 0f 7e', 'movq', 'Eq,Vx', { ...AVX, mode: 'only64' }),
  v('.l0 66 0f 7e', 'movd', 'Ed,Vx'),
  v('.l0 f3 0f 7e', 'movq', 'Vx,Wq'),
  v('66 0f 7f', 'movdqa', 'Wx,Vx'),
  v('f3 0f 7f', 'movdqu', 'Wx,Vx'),
  v('.l0 np 0f ae /2 mem', 'ldmxcsr', 'Md'),
  v('.l0 np 0f ae /3 mem', 'stmxcsr', 'Md'),
  v('.l0 66 0f c4 reg', 'pinsrw', 'Vx,Hx,Ry,Ib'),
  v('.l0 66 0f c4', 'pinsrw', 'Vx,Hx,Mw,Ib'),
  v('.l0 66 0f c5', 'pextrw', 'Gy,Ux,Ib'),
  v('np 0f c6', 'shufps', 'Vx,Hx,Wx,Ib'),
  v('66 0f c6', 'shufpd', 'Vx,Hx,Wx,Ib'),
  v('.l0 66 0f d6', 'movq', 'Wq,Vx'),
  ...both('66 0f d7', 'pmovmskb', 'Gy,Ux'),
  v('66 0f e7', 'movntdq', 'Mx,Vx'),
  v('f2 0f f0', 'lddqu', 'Vx,Mx'),
  v('.l0 66 0f f7', 'maskmovdqu', 'Vx,Ux'),
  ...both('66 0f38 2a', 'movntdqa', 'Vx,Mx'),
  ...both('66 0f3a 0f', 'palignr', 'Vx,Hx,Wx,Ib'),
  v('.l0 66 0f3a 14 reg', 'pextrb', 'Ry,Vx,Ib'),
  v('.l0 66 0f3a 14', 'pextrb', 'Mb,Vx,Ib'),
  v('.l0 66 0f3a 15 reg', 'pextrw', 'Ry,Vx,Ib'),
  v('.l0 66 0f3a 15', 'pextrw', 'Mw,Vx,Ib'),
  v('.l0.w1 66 0f3a 16', 'pextrq', 'Eq,Vx,Ib', { ...AVX, mode: 'only64' }),
  v('.l0 66 0f3a 16', 'pextrd', 'Ed,Vx,Ib'),
  v('.l0 66 0f3a 17 reg', 'extractps', 'Ry,Vx,Ib'),
  v('.l0 66 0f3a 17', 'extractps', 'Md,Vx,Ib'),
  v('.l0 66 0f3a 20 reg', 'pinsrb', 'Vx,Hx,Ry,Ib'),
  v('.l0 66 0f3a 20', 'pinsrb', 'Vx,Hx,Mb,Ib'),
  v('.l0 66 0f3a 21', 'insertps', 'Vx,Hx,Wd,Ib'),
  v('.l0.w1 66 0f3a 22', 'pinsrq', 'Vx,Hx,Eq,Ib', { ...AVX, mode: 'only64' }),
  v('.l0 66 0f3a 22', 'pinsrd', 'Vx,Hx,Ed,Ib')
];

const arithmetic: readonly Line[] = [
  v('f3 0f 2a', 'cvtsi2ss', 'Vd,Hd,Ey'),
  v('f2 0f 2a', 'cvtsi2sd', 'Vq,Hq,Ey'),
  v('f3 0f 2c', 'cvttss2si', 'Gy,Wd'),
  v('f2 0f 2c', 'cvttsd2si', 'Gy,Wq'),
  v('f3 0f 2d', 'cvtss2si', 'Gy,Wd'),
  v('f2 0f 2d', 'cvtsd2si', 'Gy,Wq'),
  v('np 0f 2e', 'ucomiss', 'Vd,Wd', COMPARE),
  v('66 0f 2e', 'ucomisd', 'Vq,Wq', COMPARE),
  v('np 0f 2f', 'comiss', 'Vd,Wd', COMPARE),
  v('66 0f 2f', 'comisd', 'Vq,Wq', COMPARE),
  v('np 0f 51', 'sqrtps', 'Vx,Wx'),
  v('66 0f 51', 'sqrtpd', 'Vx,Wx'),
  v('f3 0f 51', 'sqrtss', 'Vd,Hd,Wd'),
  v('f2 0f 51', 'sqrtsd', 'Vq,Hq,Wq'),
  v('np 0f 52', 'rsqrtps', 'Vx,Wx'),
  v('f3 0f 52', 'rsqrtss', 'Vd,Hd,Wd'),
  v('np 0f 53', 'rcpps', 'Vx,Wx'),
  v('f3 0f 53', 'rcpss', 'Vd,Hd,Wd'),
  v('np 0f 5a', 'cvtps2pd', 'Vx,Wxh'),
  v('66 0f 5a', 'cvtpd2ps', 'Vdq,Wx'),
  v('f3 0f 5a', 'cvtss2sd', 'Vq,Hq,Wd'),
  v('f2 0f 5a', 'cvtsd2ss', 'Vd,Hd,Wq'),
  v('np 0f 5b', 'cvtdq2ps', 'Vx,Wx'),
  v('66 0f 5b', 'cvtps2dq', 'Vx,Wx'),
  v('f3 0f 5b', 'cvttps2dq', 'Vx,Wx'),
  v('66 0f 7c', 'haddpd', 'Vx,Hx,Wx'),
  v('f2 0f 7c', 'haddps', 'Vx,Hx,Wx'),
  v('66 0f 7d', 'hsubpd', 'Vx,Hx,Wx'),
  v('f2 0f 7d', 'hsubps', 'Vx,Hx,Wx'),
  v('np 0f c2', 'cmpps', 'Vx,Hx,Wx,Ib'),
  v('66 0f c2', 'cmppd', 'Vx,Hx,Wx,Ib'),
  v('f3 0f c2', 'cmpss', 'Vd,Hd,Wd,Ib'),
  v('f2 0f c2', 'cmpsd', 'Vq,Hq,Wq,Ib'),
  v('66 0f d0', 'addsubpd', 'Vx,Hx,Wx'),
  v('f2 0f d0', 'addsubps', 'Vx,Hx,Wx'),
  v('66 0f e6', 'cvttpd2dq', 'Vdq,Wx'),
  v('f3 0f e6', 'cvtdq2pd', 'Vx,Wxh'),
  v('f2 0f e6', 'cvtpd2dq', 'Vdq,Wx'),
  v('66 0f38 17', 'ptest', 'Vx,Wx', COMPARE),
  v('.l0 66 0f38 41', 'phminposuw', 'Vx,Wx'),
  v('.l0 66 0f38 db', 'aesimc', 'Vx,Wx', { feature: 'aes' }),
  ...(['enc', 'enclast', 'dec', 'declast'] as const).flatMap((name, i) => [
    v(`.l0 66 0f38 ${(0xdc + i).toString(16)}`, `aes${name}`, 'Vx,Hx,Wx', { feature: 'aes' }),
    v(`.l1 66 0f38 ${(0xdc + i).toString(16)}`, `aes${name}`, 'Vx,Hx,Wx', { feature: 'vaes' })
  ]),
  v('66 0f3a 08', 'roundps', 'Vx,Wx,Ib'),
  v('66 0f3a 09', 'roundpd', 'Vx,Wx,Ib'),
  v('66 0f3a 0a', 'roundss', 'Vd,Hd,Wd,Ib'),
  v('66 0f3a 0b', 'roundsd', 'Vq,Hq,Wq,Ib'),
  v('66 0f3a 0c', 'blendps', 'Vx,Hx,Wx,Ib'),
  v('66 0f3a 0d', 'blendpd', 'Vx,Hx,Wx,Ib'),
  ...both('66 0f3a 0e', 'pblendw', 'Vx,Hx,Wx,Ib'),
  v('66 0f3a 40', 'dpps', 'Vx,Hx,Wx,Ib'),
  v('.l0 66 0f3a 41', 'dppd', 'Vx,Hx,Wx,Ib'),
  ...both('66 0f3a 42', 'mpsadbw', 'Vx,Hx,Wx,Ib'),
  v('.l0 66 0f3a 44', 'pclmulqdq', 'Vx,Hx,Wx,Ib', { feature: 'pclmulqdq' }),
  v('.w0 66 0f3a 4a', 'blendvps', 'Vx,Hx,Wx,Lx'),
  v('.w0 66 0f3a 4b', 'blendvpd', 'Vx,Hx,Wx,Lx'),
  v('.l0.w0 66 0f3a 4c', 'pblendvb', 'Vx,Hx,Wx,Lx'),
  v('.l1.w0 66 0f3a 4c', 'pblendvb', 'Vx,Hx,Wx,Lx', AVX2),
  v('.l0 66 0f3a 60', 'pcmpestrm', 'Vx,Wx,Ib,XMM0', COMPARE),
  v('.l0 66 0f3a 61', 'pcmpestri', 'Vx,Wx,Ib', COMPARE),
  v('.l0 66 0f3a 62', 'pcmpistrm', 'Vx,Wx,Ib,XMM0', COMPARE),
  v('.l0 66 0f3a 63', 'pcmpistri', 'Vx,Wx,Ib', COMPARE),
  v('.l0 66 0f3a df', 'aeskeygenassist', 'Vx,Wx,Ib', { feature: 'aes' })
];

const vexOnly: readonly Line[] = [
  own('.w0 66 0f38 0c', 'vpermilps', 'Vx,Hx,Wx', AVX),
  own('.w0 66 0f38 0d', 'vpermilpd', 'Vx,Hx,Wx', AVX),
  own('.w0 66 0f38 0e', 'vtestps', 'Vx,Wx', COMPARE),
  own('.w0 66 0f38 0f', 'vtestpd', 'Vx,Wx', COMPARE),
  own('.w0 66 0f38 13', 'vcvtph2ps', 'Vx,Wxh', F16C),
  own('.l1.w0 66 0f38 16', 'vpermps', 'Vx,Hx,Wx', AVX2),
  own('.w0 66 0f38 18', 'vbroadcastss', 'Vx,Md', AVX),
  own('.w0 66 0f38 18', 'vbroadcastss', 'Vx,Ud', AVX2),
  own('.l1.w0 66 0f38 19', 'vbroadcastsd', 'Vx,Mq', AVX),
  own('.l1.w0 66 0f38 19', 'vbroadcastsd', 'Vx,Uq', AVX2),
  own('.l1.w0 66 0f38 1a', 'vbroadcastf128', 'Vx,Mdq', AVX),
  own('.w0 66 0f38 2c', 'vmaskmovps', 'Vx,Hx,Mx', AVX),
  own('.w0 66 0f38 2d', 'vmaskmovpd', 'Vx,Hx,Mx', AVX),
  own('.w0 66 0f38 2e', 'vmaskmovps', 'Mx,Hx,Vx', AVX),
  own('.w0 66 0f38 2f', 'vmaskmovpd', 'Mx,Hx,Vx', AVX),
  own('.l1.w0 66 0f38 36', 'vpermd', 'Vx,Hx,Wx', AVX2),
  own('.w0 66 0f38 45', 'vpsrlvd', 'Vx,Hx,Wx', AVX2),
  own('.w1 66 0f38 45', 'vpsrlvq', 'Vx,Hx,Wx', AVX2),
  own('.w0 66 0f38 46', 'vpsravd', 'Vx,Hx,Wx', AVX2),
  own('.w0 66 0f38 47', 'vpsllvd', 'Vx,Hx,Wx', AVX2),
  own('.w1 66 0f38 47', 'vpsllvq', 'Vx,Hx,Wx', AVX2),
  own('.w0 66 0f38 58', 'vpbroadcastd', 'Vx,Wd', AVX2),
  own('.w0 66 0f38 59', 'vpbroadcastq', 'Vx,Wq', AVX2),
  own('.l1.w0 66 0f38 5a', 'vbroadcasti128', 'Vx,Mdq', AVX2),
  own('.w0 66 0f38 78', 'vpbroadcastb', 'Vx,Wb', AVX2),
  own('.w0 66 0f38 79', 'vpbroadcastw', 'Vx,Ww', AVX2),
  own('.w0 66 0f38 8c', 'vpmaskmovd', 'Vx,Hx,Mx', AVX2),
  own('.w1 66 0f38 8c', 'vpmaskmovq', 'Vx,Hx,Mx', AVX2),
  own('.w0 66 0f38 8e', 'vpmaskmovd', 'Mx,Hx,Vx', AVX2),
  own('.w1 66 0f38 8e', 'vpmaskmovq', 'Mx,Hx,Vx', AVX2),
  // The size of the memory operand is that of an element; the last operand are the indices, d or q as the name says first.
  own('.w0 66 0f38 90', 'vpgatherdd', 'Vx,VMd,Hx,VIx', AVX2),
  own('.w1 66 0f38 90', 'vpgatherdq', 'Vx,VMq,Hx,VIdq', AVX2),
  own('.w0 66 0f38 91', 'vpgatherqd', 'Vdq,VMd,Hdq,VIx', AVX2),
  own('.w1 66 0f38 91', 'vpgatherqq', 'Vx,VMq,Hx,VIx', AVX2),
  own('.w0 66 0f38 92', 'vgatherdps', 'Vx,VMd,Hx,VIx', AVX2),
  own('.w1 66 0f38 92', 'vgatherdpd', 'Vx,VMq,Hx,VIdq', AVX2),
  own('.w0 66 0f38 93', 'vgatherqps', 'Vdq,VMd,Hdq,VIx', AVX2),
  own('.w1 66 0f38 93', 'vgatherqpd', 'Vx,VMq,Hx,VIx', AVX2),

  own('.l1.w1 66 0f3a 00', 'vpermq', 'Vx,Wx,Ib', AVX2),
  own('.l1.w1 66 0f3a 01', 'vpermpd', 'Vx,Wx,Ib', AVX2),
  own('.w0 66 0f3a 02', 'vpblendd', 'Vx,Hx,Wx,Ib', AVX2),
  own('.w0 66 0f3a 04', 'vpermilps', 'Vx,Wx,Ib', AVX),
  own('.w0 66 0f3a 05', 'vpermilpd', 'Vx,Wx,Ib', AVX),
  own('.l1.w0 66 0f3a 06', 'vperm2f128', 'Vx,Hx,Wx,Ib', AVX),
  own('.l1.w0 66 0f3a 18', 'vinsertf128', 'Vx,Hx,Wdq,Ib', AVX),
  own('.l1.w0 66 0f3a 19', 'vextractf128', 'Wdq,Vx,Ib', AVX),
  own('.w0 66 0f3a 1d', 'vcvtps2ph', 'Wxh,Vx,Ib', F16C),
  own('.l1.w0 66 0f3a 38', 'vinserti128', 'Vx,Hx,Wdq,Ib', AVX2),
  own('.l1.w0 66 0f3a 39', 'vextracti128', 'Wdq,Vx,Ib', AVX2),
  own('.l1.w0 66 0f3a 46', 'vperm2i128', 'Vx,Hx,Wx,Ib', AVX2)
];

const integer: readonly Line[] = [
  own('.l0 np 0f38 f2', 'andn', 'Gy,By,Ey', { ...BMI1, defines: 'OSZC', undefined: 'AP' }),
  own('.l0 np 0f38 f3 /1', 'blsr', 'By,Ey', { ...BMI1, defines: 'OSZC', undefined: 'AP' }),
  own('.l0 np 0f38 f3 /2', 'blsmsk', 'By,Ey', { ...BMI1, defines: 'OSZC', undefined: 'AP' }),
  own('.l0 np 0f38 f3 /3', 'blsi', 'By,Ey', { ...BMI1, defines: 'OSZC', undefined: 'AP' }),
  own('.l0 np 0f38 f5', 'bzhi', 'Gy,Ey,By', { ...BMI2, defines: 'OSZC', undefined: 'AP' }),
  own('.l0 f3 0f38 f5', 'pext', 'Gy,By,Ey', BMI2),
  own('.l0 f2 0f38 f5', 'pdep', 'Gy,By,Ey', BMI2),
  own('.l0 f2 0f38 f6', 'mulx', 'Gy,By,Ey', BMI2),
  own('.l0 np 0f38 f7', 'bextr', 'Gy,Ey,By', { ...BMI1, defines: 'OZC', undefined: 'SAP' }),
  own('.l0 66 0f38 f7', 'shlx', 'Gy,Ey,By', BMI2),
  own('.l0 f3 0f38 f7', 'sarx', 'Gy,Ey,By', BMI2),
  own('.l0 f2 0f38 f7', 'shrx', 'Gy,Ey,By', BMI2),
  own('.l0 f2 0f3a f0', 'rorx', 'Gy,Ey,Ib', BMI2)
];

export const avx = rows([
  ...packed,
  ...shifts,
  ...unary,
  ...extensions,
  ...float,
  ...floatPacked,
  ...fma,
  ...cmpccxadd,
  ...moves,
  ...arithmetic,
  ...vexOnly,
  ...integer
]);
