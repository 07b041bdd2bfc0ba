/**
 * x87: D8 to DF. SDM 2, appendix A, tables; QEMU target/i386/tcg/translate.c gen_x87, whose undocumented
 * aliases are here too. Memory operands are floats (d, q, t) or, in the operations named FI… and FIST, integers.
 */
import { rows, type Facts, type Line } from './table-row.ts';

const FPU: Facts = { feature: 'fpu' };
const line = (encoding: string, name: string, operands = '', facts: Facts = {}): Line => [
  encoding,
  name,
  operands,
  { ...FPU, ...facts }
];

/** ModRM.reg 0 to 7 of D8, DA, DC, DE with memory. */
const ARITH = ['add', 'mul', 'com', 'comp', 'sub', 'subr', 'div', 'divr'] as const;
/** With a register as destination (DC, DE) subtraction and division come the other way round. */
const REVERSED = ['add', 'mul', 'com', 'comp', 'subr', 'sub', 'divr', 'div'] as const;

const arithmetic = ARITH.flatMap((name, reg): Line[] => {
  const other = REVERSED[reg]!;
  const lines = [
    line(`d8 /${reg} mem`, `f${name}`, 'Md'),
    line(`d8 /${reg} reg`, `f${name}`, 'ST0,STi'),
    line(`da /${reg} mem`, `fi${name}`, 'Md'),
    line(`dc /${reg} mem`, `f${name}`, 'Mq'),
    line(`de /${reg} mem`, `fi${name}`, 'Mw')
  ];
  if (reg === 2) lines.push(line('dc /2 reg', 'fcom', 'ST0,STi'), line('de /2 reg', 'fcomp', 'ST0,STi'));
  else if (reg === 3) lines.push(line('dc /3 reg', 'fcomp', 'ST0,STi'), line('de d9', 'fcompp'));
  else lines.push(line(`dc /${reg} reg`, `f${other}`, 'STi,ST0'), line(`de /${reg} reg`, `f${other}p`, 'STi,ST0'));
  return lines;
});

const CONDITIONS = ['b', 'e', 'be', 'u'] as const;
const CONDITION_FLAGS = ['C', 'Z', 'CZ', 'P'] as const;
const conditional = CONDITIONS.flatMap((condition, reg): Line[] => {
  const facts: Facts = { feature: 'cmov', uses: CONDITION_FLAGS[reg]! };
  return [
    line(`da /${reg} reg`, `fcmov${condition}`, 'ST0,STi', facts),
    line(`db /${reg} reg`, `fcmovn${condition}`, 'ST0,STi', facts)
  ];
});

/** D9 E0 to FF: no operands. */
const D9 = {
  e0: 'fchs',
  e1: 'fabs',
  e4: 'ftst',
  e5: 'fxam',
  e8: 'fld1',
  e9: 'fldl2t',
  ea: 'fldl2e',
  eb: 'fldpi',
  ec: 'fldlg2',
  ed: 'fldln2',
  ee: 'fldz',
  f0: 'f2xm1',
  f1: 'fyl2x',
  f2: 'fptan',
  f3: 'fpatan',
  f4: 'fxtract',
  f5: 'fprem1',
  f6: 'fdecstp',
  f7: 'fincstp',
  f8: 'fprem',
  f9: 'fyl2xp1',
  fa: 'fsqrt',
  fb: 'fsincos',
  fc: 'frndint',
  fd: 'fscale',
  fe: 'fsin',
  ff: 'fcos'
} as const;

const COMPARE: Facts = { feature: 'cmov', defines: 'OSZAPC' };

export const x87 = rows([
  ...arithmetic,
  ...conditional,
  line('d9 /0 mem', 'fld', 'Md'),
  line('d9 /2 mem', 'fst', 'Md'),
  line('d9 /3 mem', 'fstp', 'Md'),
  line('d9 /4 mem', 'fldenv', 'Me'),
  line('d9 /5 mem', 'fldcw', 'Mw'),
  line('d9 /6 mem', 'fnstenv', 'Me'),
  line('d9 /7 mem', 'fnstcw', 'Mw'),
  line('d9 /0 reg', 'fld', 'STi'),
  line('d9 /1 reg', 'fxch', 'ST0,STi'),
  line('d9 d0', 'fnop'),
  line('d9 /3 reg', 'fstp', 'STi'), // undocumented: fstp1
  ...Object.entries(D9).map(([modrm, name]) => line(`d9 ${modrm}`, name)),
  line('da e9', 'fucompp'),
  line('db /0 mem', 'fild', 'Md'),
  line('db /1 mem', 'fisttp', 'Md'),
  line('db /2 mem', 'fist', 'Md'),
  line('db /3 mem', 'fistp', 'Md'),
  line('db /5 mem', 'fld', 'Mt'),
  line('db /7 mem', 'fstp', 'Mt'),
  line('db e0', 'fneni'), // 287 only: does nothing
  line('db e1', 'fndisi'), // 287 only: does nothing
  line('db e2', 'fnclex'),
  line('db e3', 'fninit'),
  line('db e4', 'fnsetpm'), // 287 only: does nothing
  line('db /5 reg', 'fucomi', 'ST0,STi', COMPARE),
  line('db /6 reg', 'fcomi', 'ST0,STi', COMPARE),
  line('dd /0 mem', 'fld', 'Mq'),
  line('dd /1 mem', 'fisttp', 'Mq'),
  line('dd /2 mem', 'fst', 'Mq'),
  line('dd /3 mem', 'fstp', 'Mq'),
  line('dd /4 mem', 'frstor', 'Mf'),
  line('dd /6 mem', 'fnsave', 'Mf'),
  line('dd /7 mem', 'fnstsw', 'Mw'),
  line('dd /0 reg', 'ffree', 'STi'),
  line('dd /1 reg', 'fxch', 'ST0,STi'), // undocumented: fxch4
  line('dd /2 reg', 'fst', 'STi'),
  line('dd /3 reg', 'fstp', 'STi'),
  line('dd /4 reg', 'fucom', 'ST0,STi'),
  line('dd /5 reg', 'fucomp', 'ST0,STi'),
  line('df /0 mem', 'fild', 'Mw'),
  line('df /1 mem', 'fisttp', 'Mw'),
  line('df /2 mem', 'fist', 'Mw'),
  line('df /3 mem', 'fistp', 'Mw'),
  line('df /4 mem', 'fbld', 'Mt'),
  line('df /5 mem', 'fild', 'Mq'),
  line('df /6 mem', 'fbstp', 'Mt'),
  line('df /7 mem', 'fistp', 'Mq'),
  line('df /0 reg', 'ffreep', 'STi'), // undocumented
  line('df /1 reg', 'fxch', 'ST0,STi'), // undocumented: fxch7
  line('df /2 reg', 'fstp', 'STi'), // undocumented: fstp8
  line('df /3 reg', 'fstp', 'STi'), // undocumented: fstp9
  line('df e0', 'fnstsw', 'AX'),
  line('df /5 reg', 'fucomip', 'ST0,STi', COMPARE),
  line('df /6 reg', 'fcomip', 'ST0,STi', COMPARE)
]);
