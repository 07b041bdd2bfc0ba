/** One-byte opcodes. SDM 2, appendix A, table A-2; QEMU target/i386/tcg/decode-new.c.inc opcodes_root. */
import { rows, type Facts, type Line } from './table-row.ts';

const ARITH: Facts = { defines: 'OSZAPC' };
const CARRY: Facts = { uses: 'C', defines: 'OSZAPC' };
const LOGIC: Facts = { defines: 'OSZPC', undefined: 'A' };
const STRING: Facts = { uses: 'D', rep: 'rep' };
/** Allowed by IOPL or the I/O bitmap. */
const IO: Facts = { privileged: true };
const COMPARE: Facts = { uses: 'D', defines: 'OSZAPC', rep: 'repe' };

/** ADD to CMP: their place in rows 0 to 3 of the map is also ModRM.reg of group 1. */
const ALU: readonly (readonly [string, Facts])[] = [
  ['add', ARITH],
  ['or', LOGIC],
  ['adc', CARRY],
  ['sbb', CARRY],
  ['and', LOGIC],
  ['sub', ARITH],
  ['xor', LOGIC],
  ['cmp', ARITH]
];
const hex = (value: number) => value.toString(16).padStart(2, '0');

const alu = ALU.flatMap(([name, facts], i): Line[] => {
  const first = i * 8;
  const locked: Facts = name === 'cmp' ? facts : { ...facts, lock: true };
  return [
    [hex(first), name, 'Eb,Gb', locked],
    [hex(first + 1), name, 'Ev,Gv', locked],
    [hex(first + 2), name, 'Gb,Eb', facts],
    [hex(first + 3), name, 'Gv,Ev', facts],
    [hex(first + 4), name, 'AL,Ib', facts],
    [hex(first + 5), name, 'rAX,Iz', facts],
    [`80 /${i}`, name, 'Eb,Ib', locked],
    [`81 /${i}`, name, 'Ev,Iz', locked],
    [`82 /${i}`, name, 'Eb,Ib', { ...locked, mode: 'not64' }],
    [`83 /${i}`, name, 'Ev,Ibs', locked]
  ];
});

/**
 * Group 2. O is defined for counts of 1 only, and counts of 0 leave all flags: semantics know, and the flags that depend
 * on the count are both used and defined here, so that liveness keeps what may be left.
 */
const SHIFTS: readonly (readonly [string, Facts, Facts])[] = [
  ['rol', { defines: 'OC' }, { uses: 'OC', defines: 'C', undefined: 'O' }],
  ['ror', { defines: 'OC' }, { uses: 'OC', defines: 'C', undefined: 'O' }],
  ['rcl', { uses: 'C', defines: 'OC' }, { uses: 'OC', defines: 'C', undefined: 'O' }],
  ['rcr', { uses: 'C', defines: 'OC' }, { uses: 'OC', defines: 'C', undefined: 'O' }],
  ['shl', LOGIC, { uses: 'OSZAPC', defines: 'SZPC', undefined: 'OA' }],
  ['shr', LOGIC, { uses: 'OSZAPC', defines: 'SZPC', undefined: 'OA' }],
  ['shl', LOGIC, { uses: 'OSZAPC', defines: 'SZPC', undefined: 'OA' }], // undocumented alias, SAL
  ['sar', LOGIC, { uses: 'OSZAPC', defines: 'SZPC', undefined: 'OA' }]
];
const shifts = SHIFTS.flatMap(([name, once, many], i): Line[] => [
  [`c0 /${i}`, name, 'Eb,Ib', many],
  [`c1 /${i}`, name, 'Ev,Ib', many],
  [`d0 /${i}`, name, 'Eb,1', once],
  [`d1 /${i}`, name, 'Ev,1', once],
  [`d2 /${i}`, name, 'Eb,CL', many],
  [`d3 /${i}`, name, 'Ev,CL', many]
]);

const group3 = (['b', 'v'] as const).flatMap((size, i): Line[] => {
  const opcode = hex(0xf6 + i);
  const immediate = size === 'b' ? 'Ib' : 'Iz';
  return [
    [`${opcode} /0`, 'test', `E${size},${immediate}`, LOGIC],
    [`${opcode} /1`, 'test', `E${size},${immediate}`, LOGIC], // undocumented alias
    [`${opcode} /2`, 'not', `E${size}`, { lock: true }],
    [`${opcode} /3`, 'neg', `E${size}`, { ...ARITH, lock: true }],
    [`${opcode} /4`, 'mul', `E${size}`, { defines: 'OC', undefined: 'SZAP' }],
    [`${opcode} /5`, 'imul', `E${size}`, { defines: 'OC', undefined: 'SZAP' }],
    [`${opcode} /6`, 'div', `E${size}`, { undefined: 'OSZAPC' }],
    [`${opcode} /7`, 'idiv', `E${size}`, { undefined: 'OSZAPC' }]
  ];
});

const NOT64: Facts = { mode: 'not64' };
const D64: Facts = { size64: 'default' };
const ENDS: Facts = { ends: true };
/** 66 in 64-bit mode shortens what near CALL and RET push and pop (as AMD); the target stays 64 bits wide. */
const NEAR: Facts = { ends: true, size64: 'default' };
/** Loads of segment registers may change the mode of the code that follows. */
const SEGMENT: Facts = { ends: true };

export const oneByte = rows([
  ...alu,
  ['06', 'push', 'ES', NOT64],
  ['07', 'pop', 'ES', { ...NOT64, ...SEGMENT }],
  ['0e', 'push', 'CS', NOT64],
  ['16', 'push', 'SS', NOT64],
  ['17', 'pop', 'SS', { ...NOT64, ...SEGMENT }],
  ['1e', 'push', 'DS', NOT64],
  ['1f', 'pop', 'DS', { ...NOT64, ...SEGMENT }],
  ['27', 'daa', '', { ...NOT64, uses: 'AC', defines: 'SZAPC', undefined: 'O' }],
  ['2f', 'das', '', { ...NOT64, uses: 'AC', defines: 'SZAPC', undefined: 'O' }],
  ['37', 'aaa', '', { ...NOT64, uses: 'A', defines: 'AC', undefined: 'OSZP' }],
  ['3f', 'aas', '', { ...NOT64, uses: 'A', defines: 'AC', undefined: 'OSZP' }],
  ['40+r', 'inc', 'Zv', { ...NOT64, defines: 'OSZAP' }],
  ['48+r', 'dec', 'Zv', { ...NOT64, defines: 'OSZAP' }],
  ['50+r', 'push', 'Zv', D64],
  ['58+r', 'pop', 'Zv', D64],
  ['60', 'pusha', '', NOT64],
  ['61', 'popa', '', NOT64],
  ['62', 'bound', 'Gv,Ma', NOT64],
  ['63', 'movsxd', 'Gv,Ez', { mode: 'only64' }],
  ['63', 'arpl', 'Ew,Gw', { mode: 'protected', defines: 'Z' }],
  ['68', 'push', 'Iz', D64],
  ['69', 'imul', 'Gv,Ev,Iz', { defines: 'OC', undefined: 'SZAP' }],
  ['6a', 'push', 'Ibs', D64],
  ['6b', 'imul', 'Gv,Ev,Ibs', { defines: 'OC', undefined: 'SZAP' }],
  ['6c', 'ins', 'Yb,DX', { ...STRING, ...IO }],
  ['6d', 'ins', 'Yz,DX', { ...STRING, ...IO }],
  ['6e', 'outs', 'DX,Xb', { ...STRING, ...IO }],
  ['6f', 'outs', 'DX,Xz', { ...STRING, ...IO }],
  ['70+cc', 'j', 'Jb', { ends: true, size64: 'forced' }],
  ['84', 'test', 'Eb,Gb', LOGIC],
  ['85', 'test', 'Ev,Gv', LOGIC],
  ['86', 'xchg', 'Eb,Gb', { lock: true }],
  ['87', 'xchg', 'Ev,Gv', { lock: true }],
  ['88', 'mov', 'Eb,Gb'],
  ['89', 'mov', 'Ev,Gv'],
  ['8a', 'mov', 'Gb,Eb'],
  ['8b', 'mov', 'Gv,Ev'],
  ['8c reg', 'mov', 'Rv,Sw'],
  ['8c mem', 'mov', 'Mw,Sw'],
  ['8d', 'lea', 'Gv,M'],
  // Not to CS.
  ...[0, 2, 3, 4, 5].map((reg): Line => [`8e /${reg}`, 'mov', 'Sw,Ew', SEGMENT]),
  ['8f /0', 'pop', 'Ev', D64],
  ['f3 90', 'pause'],
  ['90', 'nop'],
  ['90+r', 'xchg', 'Zv,rAX'],
  ['98', 'cbw'],
  ['99', 'cwd'],
  ['9a', 'callf', 'Ap', { ...NOT64, ...ENDS }],
  ['9b', 'fwait'],
  ['9c', 'pushf', '', { ...D64, uses: 'OSZAPCDI' }],
  ['9d', 'popf', '', { ...D64, ...ENDS, defines: 'OSZAPCDI' }],
  ['9e', 'sahf', '', { defines: 'SZAPC' }],
  ['9f', 'lahf', '', { uses: 'SZAPC' }],
  ['a0', 'mov', 'AL,Ob'],
  ['a1', 'mov', 'rAX,Ov'],
  ['a2', 'mov', 'Ob,AL'],
  ['a3', 'mov', 'Ov,rAX'],
  ['a4', 'movs', 'Yb,Xb', STRING],
  ['a5', 'movs', 'Yv,Xv', STRING],
  ['a6', 'cmps', 'Xb,Yb', COMPARE],
  ['a7', 'cmps', 'Xv,Yv', COMPARE],
  ['a8', 'test', 'AL,Ib', LOGIC],
  ['a9', 'test', 'rAX,Iz', LOGIC],
  ['aa', 'stos', 'Yb,AL', STRING],
  ['ab', 'stos', 'Yv,rAX', STRING],
  ['ac', 'lods', 'AL,Xb', STRING],
  ['ad', 'lods', 'rAX,Xv', STRING],
  ['ae', 'scas', 'AL,Yb', COMPARE],
  ['af', 'scas', 'rAX,Yv', COMPARE],
  ['b0+r', 'mov', 'Zb,Ib'],
  ['b8+r', 'mov', 'Zv,Iv'],
  ...shifts,
  ['c2', 'ret', 'Iw', NEAR],
  ['c3', 'ret', '', NEAR],
  ['c4', 'les', 'Gz,Mp', { ...NOT64, ...SEGMENT }],
  ['c5', 'lds', 'Gz,Mp', { ...NOT64, ...SEGMENT }],
  ['c6 /0', 'mov', 'Eb,Ib'],
  ['c7 /0', 'mov', 'Ev,Iz'],
  ['c8', 'enter', 'Iw,Ib', D64],
  ['c9', 'leave', '', D64],
  ['ca', 'retf', 'Iw', ENDS],
  ['cb', 'retf', '', ENDS],
  ['cc', 'int3', '', ENDS],
  ['cd', 'int', 'Ib', ENDS],
  ['ce', 'into', '', { ...NOT64, ...ENDS, uses: 'O' }],
  ['cf', 'iret', '', { ...ENDS, defines: 'OSZAPCDI' }],
  ['d4', 'aam', 'Ib', { ...NOT64, defines: 'SZP', undefined: 'OAC' }],
  ['d5', 'aad', 'Ib', { ...NOT64, defines: 'SZP', undefined: 'OAC' }],
  ['d6', 'salc', '', { ...NOT64, uses: 'C' }],
  ['d7', 'xlat'],
  ['e0', 'loopne', 'Jb', { ends: true, size64: 'forced', uses: 'Z' }],
  ['e1', 'loope', 'Jb', { ends: true, size64: 'forced', uses: 'Z' }],
  ['e2', 'loop', 'Jb', { ends: true, size64: 'forced' }],
  ['e3', 'jcxz', 'Jb', { ends: true, size64: 'forced' }],
  ['e4', 'in', 'AL,Ib', IO],
  ['e5', 'in', 'eAX,Ib', IO],
  ['e6', 'out', 'Ib,AL', IO],
  ['e7', 'out', 'Ib,eAX', IO],
  ['e8', 'call', 'Jz', NEAR],
  ['e9', 'jmp', 'Jz', { ends: true, size64: 'forced' }],
  ['ea', 'jmpf', 'Ap', { ...NOT64, ...ENDS }],
  ['eb', 'jmp', 'Jb', { ends: true, size64: 'forced' }],
  ['ec', 'in', 'AL,DX', IO],
  ['ed', 'in', 'eAX,DX', IO],
  ['ee', 'out', 'DX,AL', IO],
  ['ef', 'out', 'DX,eAX', IO],
  ['f1', 'int1', '', ENDS],
  ['f4', 'hlt', '', { ...ENDS, privileged: true }],
  ['f5', 'cmc', '', { uses: 'C', defines: 'C' }],
  ...group3,
  ['f8', 'clc', '', { defines: 'C' }],
  ['f9', 'stc', '', { defines: 'C' }],
  ['fa', 'cli', '', { ...IO, defines: 'I' }],
  ['fb', 'sti', '', { ...IO, ...ENDS, defines: 'I' }],
  ['fc', 'cld', '', { defines: 'D' }],
  ['fd', 'std', '', { defines: 'D' }],
  ['fe /0', 'inc', 'Eb', { lock: true, defines: 'OSZAP' }],
  ['fe /1', 'dec', 'Eb', { lock: true, defines: 'OSZAP' }],
  ['ff /0', 'inc', 'Ev', { lock: true, defines: 'OSZAP' }],
  ['ff /1', 'dec', 'Ev', { lock: true, defines: 'OSZAP' }],
  ['ff /2', 'call', 'Eq', { ...NEAR, mode: 'only64' }],
  ['ff /2', 'call', 'Ev', NEAR],
  ['ff /3', 'callf', 'Mp', ENDS],
  ['ff /4', 'jmp', 'Ev', { ends: true, size64: 'forced' }],
  ['ff /5', 'jmpf', 'Mp', ENDS],
  ['ff /6', 'push', 'Ev', D64]
]);
