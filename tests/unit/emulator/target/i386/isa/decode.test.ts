import { describe, expect, test } from 'vitest';
import { decode, decoderFor } from '../../../../../../src/lib/emulator/target/i386/isa/decode.ts';
import type { CodeSize, Insn } from '../../../../../../src/lib/emulator/target/i386/isa/insn.ts';
import { TABLE } from '../../../../../../src/lib/emulator/target/i386/isa/table.ts';
import { icedDecoder, ours } from '../../../../../support/iced.ts';
import { encodeRow } from '../../../../../support/encode-row.ts';

const MODES = [16, 32, 64] as const satisfies readonly CodeSize[];

/** What bytes are in a mode, or why they are nothing. */
function text(code: CodeSize, ...bytes: readonly number[]): string {
  const insn = decode(Uint8Array.from(bytes), 0, code);
  return typeof insn === 'string' ? insn : ours(insn, code);
}
function insn(code: CodeSize, ...bytes: readonly number[]): Insn {
  const insn = decode(Uint8Array.from(bytes), 0, code);
  if (typeof insn === 'string') throw new Error(insn);
  return insn;
}

/** Mulberry32: the same bytes in every run. */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** Where we go with QEMU or keep less apart than iced: what we say, and why. Nothing else may differ. */
const DIFFERENCES: readonly { readonly name: RegExp; readonly theirs: RegExp; readonly why: string }[] = [
  { name: /^bswap$/, theirs: /bswap/, why: 'BSWAP of 16 bits is undefined; QEMU swaps 32' },
  { name: /^mov$/, theirs: /^undefined$/, why: 'LOCK MOV CR0 is CR8: an AMD extension that QEMU has' },
  { name: /^xchg$/, theirs: /pause/, why: 'F3 90 under REX.B is XCHG in QEMU' },
  { name: /^nop$/, theirs: /(prefetchw?|prefetchwt1) /, why: '0F 0D /2 to /7 are prefetches that do nothing' },
  { name: /^nop$/, theirs: /(prefetchit[01]) /, why: '0F 18 /6 and /7 are prefetches of code: nothing' },
  { name: /^undefined$/, theirs: /nop /, why: 'QEMU takes 0F 0D with memory only' }
];

function compare(code: CodeSize, bytes: Uint8Array, offsets: Iterable<number>): string[] {
  const theirs = icedDecoder(code, bytes);
  const differences: string[] = [];
  for (const at of offsets) {
    const insn = decode(bytes, at, code);
    const mine = typeof insn === 'string' ? 'undefined' : ours(insn, code);
    const other = theirs(at) ?? 'undefined';
    if (mine === other) continue;
    const name = typeof insn === 'string' ? 'undefined' : insn.row.name;
    if (DIFFERENCES.some((d) => d.name.test(name) && d.theirs.test(other))) continue;
    differences.push(`${Buffer.from(bytes.subarray(at, at + 15)).toString('hex')}: ${mine} | iced: ${other}`);
  }
  return differences;
}

describe.each(MODES)('in %i-bit code, iced-x86 agrees on', (code) => {
  test('random bytes', () => {
    const next = random(code);
    const bytes = Uint8Array.from({ length: 40_016 }, next);
    expect(
      compare(
        code,
        bytes,
        Array.from({ length: 40_000 }, (_, i) => i)
      )
    ).toEqual([]);
  });

  test('prefixes before every map, and VEX', () => {
    const PREFIXES = [
      0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x40, 0x41, 0x44, 0x42, 0x48, 0x4f
    ];
    const next = random(code + 1);
    const STEP = 32;
    const COUNT = 60_000;
    const bytes = Uint8Array.from({ length: STEP * COUNT }, next);
    for (let i = 0; i < COUNT; i++) {
      let at = i * STEP;
      const kind = next() % 8;
      const prefixes = kind >= 5 ? (next() % 20 === 0 ? 1 : 0) : [0, 0, 1, 1, 2, 3, next() % 14][next() % 7]!;
      for (let k = 0; k < prefixes; k++) bytes[at++] = PREFIXES[next() % PREFIXES.length]!;
      if (kind === 0) continue;
      bytes[at++] = kind < 5 ? 0x0f : kind === 5 ? 0xc5 : 0xc4;
      if (kind === 3) bytes[at] = 0x38;
      else if (kind === 4) bytes[at] = 0x3a;
      else if (kind >= 5) {
        if (kind > 5) bytes[at] = (bytes[at]! & 0xe0) | (1 + (next() % 3));
        if (code !== 64) bytes[at]! |= 0xc0;
        // No vvvv in half of them: many rows want that.
        if (next() % 2 === 0) bytes[kind === 5 ? at : at + 1]! |= 0x78;
      }
    }
    expect(
      compare(
        code,
        bytes,
        Array.from({ length: COUNT }, (_, i) => i * STEP)
      )
    ).toEqual([]);
  });
});

describe('prefixes', () => {
  test('REX counts only next to the opcode', () => {
    expect(text(64, 0x48, 0x89, 0xc8)).toBe('3 mov rax,rcx');
    expect(text(64, 0x48, 0x66, 0x89, 0xc8)).toBe('4 mov ax,cx');
    expect(text(64, 0x66, 0x48, 0x89, 0xc8)).toBe('4 mov rax,rcx');
    expect(text(64, 0x48, 0x40, 0x89, 0xc8)).toBe('4 mov eax,ecx');
  });

  test('the last of F2 and F3 is the mandatory prefix, 66 only without them', () => {
    expect(text(64, 0xf2, 0xf3, 0x0f, 0x10, 0xc1)).toBe('5 movss xmm0,xmm1');
    expect(text(64, 0xf3, 0xf2, 0x66, 0x0f, 0x10, 0xc1)).toBe('6 movsd xmm0,xmm1');
    expect(text(64, 0x66, 0x0f, 0x10, 0xc1)).toBe('4 movupd xmm0,xmm1');
  });

  test('CRC32 takes its size from 66 beside F2', () => {
    expect(text(64, 0x66, 0xf2, 0x0f, 0x38, 0xf1, 0xc1)).toBe('6 crc32 eax,cx');
  });

  test('ES, CS, SS and DS do not undo FS in 64-bit mode', () => {
    expect(insn(64, 0x64, 0x2e, 0x8b, 0x00).operands[1]).toMatchObject({ mem: { segment: 4 } });
    expect(insn(32, 0x64, 0x2e, 0x8b, 0x00).operands[1]).toMatchObject({ mem: { segment: 1 } });
  });

  test('LOCK is for a few instructions that write memory', () => {
    expect(text(64, 0xf0, 0x01, 0x08)).toBe('3 lock add 4:ds:[rax+0],ecx');
    expect(text(64, 0xf0, 0x01, 0xc8)).toBe('undefined'); // a register
    expect(text(64, 0xf0, 0x03, 0x08)).toBe('undefined'); // memory is the source
    expect(text(64, 0xf0, 0x39, 0x08)).toBe('undefined'); // CMP
    expect(text(64, 0xf0, 0x0f, 0xa3, 0x08)).toBe('undefined'); // BT
    expect(text(64, 0xf0, 0x87, 0x08)).toBe('3 lock xchg 4:ds:[rax+0],ecx');
    expect(text(64, 0xf0, 0x0f, 0xc7, 0x08)).toBe('4 lock cmpxchg8b 8:ds:[rax+0]');
  });

  test('LOCK MOV CR0 is CR8 where the CPU has that', () => {
    const bytes = Uint8Array.of(0xf0, 0x0f, 0x20, 0xc0);
    expect(text(32, ...bytes)).toBe('4 mov eax,cr8');
    expect(decoderFor((feature) => feature !== 'cr8legacy')(bytes, 0, 32)).toBe('undefined');
  });

  test('REP belongs to string instructions, REPNE to those that compare', () => {
    expect(insn(64, 0xf3, 0xa4)).toMatchObject({ rep: 'rep' });
    expect(insn(64, 0xf2, 0xa4)).toMatchObject({ rep: 'rep' });
    expect(insn(64, 0xf2, 0xae)).toMatchObject({ rep: 'repne' });
    expect(insn(64, 0xf3, 0x01, 0xc8)).toMatchObject({ rep: 'none' });
  });
});

describe('length', () => {
  const long = (prefixes: number): number[] => [...new Array<number>(prefixes).fill(0x66), 0x90];

  test('15 bytes are an instruction, 16 are too long', () => {
    expect(insn(64, ...long(14))).toMatchObject({ length: 15 });
    expect(text(64, ...long(15))).toBe('too-long');
    expect(text(64, ...new Array<number>(100).fill(0x66))).toBe('too-long');
    // ADD EAX, imm32, of which the 16th byte is the last
    expect(text(64, ...new Array<number>(11).fill(0x3e), 0x05, 1, 2, 3, 4)).toBe('too-long');
    expect(insn(64, ...new Array<number>(10).fill(0x3e), 0x05, 1, 2, 3, 4)).toMatchObject({ length: 15 });
  });

  test('bytes that end too early are a fetch away, whatever the missing ones are', () => {
    const bytes = [0x66, 0x0f, 0x3a, 0x0f, 0x84, 0x88, 1, 2, 3, 4, 5]; // PALIGNR with SIB, displacement, immediate
    for (let n = 0; n < bytes.length; n++) expect(text(64, ...bytes.slice(0, n))).toBe('fetch');
    expect(text(64, ...bytes)).toBe('11 palignr xmm0,16:ds:[rax+rcx*4+4030201],5');
    expect(decode(Uint8Array.from(bytes), 0, 64, 10)).toBe('fetch');
  });
});

describe('operands', () => {
  test('AH CH DH BH without REX, SPL BPL SIL DIL with', () => {
    expect(text(64, 0x88, 0xe7)).toBe('2 mov bh,ah');
    expect(text(64, 0x40, 0x88, 0xe7)).toBe('3 mov dil,spl');
    expect(insn(64, 0x88, 0xe7).operands[0]).toEqual({ kind: 'reg', index: 3, size: 1, high: true });
  });

  test('addresses of 16, 32 and 64 bits', () => {
    expect(text(16, 0x8b, 0x42, 0xfe)).toBe('3 mov ax,2:ss:[bp+si*1+fffe]');
    expect(text(16, 0x8b, 0x06, 0x34, 0x12)).toBe('4 mov ax,2:ds:[+1234]');
    expect(text(16, 0x67, 0x8b, 0x44, 0x24, 4)).toBe('5 mov ax,2:ss:[esp+4]');
    expect(text(64, 0x48, 0x8b, 0x05, 0xf9, 0xff, 0xff, 0xff)).toBe('7 mov rax,8:ds:[rip+fffffffffffffff9]');
    expect(text(64, 0x67, 0x48, 0x8b, 0x05, 1, 0, 0, 0)).toBe('8 mov rax,8:ds:[eip+1]');
    expect(text(64, 0x8b, 0x04, 0x25, 1, 0, 0, 0x80)).toBe('7 mov eax,4:ds:[+ffffffff80000001]');
    expect(text(64, 0x42, 0x8b, 0x04, 0x20)).toBe('4 mov eax,4:ds:[rax+r12*1+0]'); // index 4 is none, 12 is R12
    expect(text(64, 0x41, 0x8b, 0x45, 0)).toBe('4 mov eax,4:ds:[r13+0]'); // not SS
  });

  test('offsets without ModRM are as long as addresses', () => {
    expect(text(64, 0xa1, 1, 2, 3, 4, 5, 6, 7, 0x88)).toBe('9 mov eax,4:ds:[+8807060504030201]');
    expect(text(64, 0x67, 0xa1, 1, 2, 3, 4)).toBe('6 mov eax,4:ds:[+4030201]');
    expect(text(16, 0xa0, 1, 2)).toBe('3 mov al,1:ds:[+201]');
  });

  test('immediates are sign-extended to 64 bits where they are shorter than what they meet', () => {
    expect(insn(64, 0x48, 0x05, 0xff, 0xff, 0xff, 0xff).operands[1]).toEqual({ kind: 'imm', value: -1n, size: 4 });
    expect(insn(64, 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 0xff).operands[1]).toMatchObject({ value: 0xff07060504030201n });
    expect(insn(64, 0xb8, 0xff, 0xff, 0xff, 0xff).operands[1]).toMatchObject({ value: 0xffffffffn, size: 4 });
    expect(insn(64, 0x6a, 0x80).operands[0]).toMatchObject({ value: -128n, size: 1 });
    expect(insn(64, 0xc1, 0xe0, 0xff).operands[1]).toMatchObject({ value: 255n });
  });

  test('stack operations are 64 bits wide in 64-bit mode, or 16', () => {
    expect(insn(64, 0x50).size).toBe(8);
    expect(insn(64, 0x66, 0x50).size).toBe(2);
    expect(insn(32, 0x50).size).toBe(4);
    expect(insn(64, 0x68, 1, 2, 3, 4)).toMatchObject({ size: 8, length: 5 });
    expect(insn(64, 0x66, 0x68, 1, 2)).toMatchObject({ size: 2, length: 4 });
  });

  test('66 does not shorten near branches in 64-bit mode, but what CALL and RET push and pop', () => {
    expect(insn(64, 0x66, 0xe9, 1, 0, 0, 0)).toMatchObject({ length: 6, size: 8 });
    expect(insn(64, 0x66, 0xe8, 1, 0, 0, 0)).toMatchObject({ length: 6, size: 2 });
    expect(insn(64, 0x66, 0xff, 0xd0)).toMatchObject({ operands: [{ size: 8 }], size: 2 });
    expect(insn(64, 0x66, 0xc3)).toMatchObject({ size: 2 });
    expect(insn(32, 0x66, 0xe9, 1, 0)).toMatchObject({ length: 4, size: 2 });
  });

  test('control registers ignore ModRM.mod and the operand size', () => {
    expect(text(64, 0x0f, 0x20, 0x00)).toBe('3 mov rax,cr0');
    expect(text(64, 0x66, 0x0f, 0x22, 0x98)).toBe('4 mov cr3,rax');
    expect(text(32, 0x0f, 0x20, 0xc8)).toBe('undefined'); // CR1
  });

  test('string operands are memory, the source under an override', () => {
    expect(text(64, 0x65, 0xf3, 0x48, 0xa5)).toBe('4 rep movsq 8:es:[rdi+0],8:gs:[rsi+0]');
    expect(text(16, 0x67, 0xa6)).toBe('2 cmpsb 1:ds:[esi+0],1:es:[edi+0]');
  });

  test('a far pointer is a selector and an offset', () => {
    expect(insn(16, 0xea, 1, 2, 3, 4).operands).toEqual([{ kind: 'far', offset: 0x201, selector: 0x403, size: 2 }]);
    expect(text(64, 0xea, 1, 2, 3, 4, 5, 6)).toBe('undefined');
  });
});

describe('opcodes that mean several things', () => {
  test('C4, C5 and 62 are VEX or LES, LDS, BOUND', () => {
    expect(text(32, 0xc5, 0x00)).toBe('2 lds eax,6:ds:[eax+0]');
    expect(text(32, 0xc5, 0xf8, 0x28, 0xc1)).toBe('4 vmovaps xmm0,xmm1');
    expect(text(64, 0xc5, 0x78, 0x28, 0xc1)).toBe('4 vmovaps xmm8,xmm1');
    expect(text(32, 0x62, 0x00)).toBe('2 bound eax,8:ds:[eax+0]');
    expect(text(32, 0x62, 0xf1, 0x7c, 0x48, 0x58, 0xc1)).toBe('undefined'); // EVEX
  });

  test('VEX takes no 66, F2, F3, LOCK or REX before it', () => {
    for (const prefix of [0x66, 0xf2, 0xf3, 0xf0, 0x48])
      expect(text(64, prefix, 0xc5, 0xf8, 0x28, 0xc1)).toBe('undefined');
    expect(text(64, 0x65, 0x67, 0xc5, 0xf8, 0x28, 0)).toBe('6 vmovaps xmm0,16:gs:[eax+0]');
  });

  test('VEX.vvvv is all ones where no operand is', () => {
    expect(text(64, 0xc5, 0xf0, 0x28, 0xc1)).toBe('undefined');
    expect(text(64, 0xc5, 0xf0, 0x58, 0xc2)).toBe('4 vaddps xmm0,xmm1,xmm2');
  });

  test('gathers need three different registers and an SIB byte', () => {
    expect(text(64, 0xc4, 0xe2, 0x69, 0x90, 0x0c, 0x98)).toBe('6 vpgatherdd xmm1,4:ds:[rax+xmm3*4+0],xmm2');
    expect(text(64, 0xc4, 0xe2, 0x69, 0x90, 0x0c, 0x90)).toBe('undefined');
    expect(text(64, 0xc4, 0xe2, 0x69, 0x90, 0x08)).toBe('undefined');
  });

  test('63 is ARPL or MOVSXD', () => {
    expect(text(32, 0x63, 0xc8)).toBe('2 arpl ax,cx');
    expect(text(64, 0x48, 0x63, 0xc8)).toBe('3 movsxd rcx,eax');
  });

  test('90 is NOP, PAUSE or XCHG', () => {
    expect(text(64, 0x90)).toBe('1 nop ');
    expect(text(64, 0xf3, 0x90)).toBe('2 pause ');
    expect(text(64, 0x41, 0x90)).toBe('2 xchg r8d,eax');
    expect(text(64, 0xf3, 0x41, 0x90)).toBe('3 xchg r8d,eax');
    expect(text(64, 0x48, 0x90)).toBe('2 nop ');
  });

  test('undocumented aliases are taken', () => {
    expect(text(32, 0xd6)).toBe('1 salc ');
    expect(text(64, 0xd6)).toBe('undefined');
    expect(text(32, 0x82, 0xc0, 1)).toBe('3 add al,1');
    expect(text(64, 0x82, 0xc0, 1)).toBe('undefined');
    expect(text(64, 0xf6, 0xc8, 1)).toBe('3 test al,1');
    expect(text(64, 0xc0, 0xf0, 1)).toBe('3 shl al,1');
    expect(text(64, 0xdb, 0xe0)).toBe('2 fneni ');
    expect(text(64, 0xdd, 0xca)).toBe('2 fxch st0,st2');
    expect(text(64, 0x0f, 0x0f, 0xc0, 0x9e)).toBe('4 pfadd mm0,mm0');
    expect(text(64, 0x0f, 0x0f, 0xc0, 0x00)).toBe('undefined');
  });

  test('what a CPU lacks is an older instruction or none', () => {
    const old = decoderFor((feature) => !/^(bmi1|abm|avx)$/.test(feature));
    expect(old(Uint8Array.of(0xf3, 0x0f, 0xbc, 0xc1), 0, 64)).toMatchObject({ row: { name: 'bsf' }, length: 4 });
    expect(old(Uint8Array.of(0xf3, 0x0f, 0xbd, 0xc1), 0, 64)).toMatchObject({ row: { name: 'bsr' } });
    expect(old(Uint8Array.of(0xc5, 0xf8, 0x28, 0xc1), 0, 64)).toBe('undefined');
  });
});

test('every row is what its own bytes decode to', () => {
  const unreached = TABLE.filter((row) => {
    const codes = row.mode === 'only64' ? [64 as const] : row.mode === 'not64' ? [32 as const] : MODES;
    const regs = row.reg === undefined ? [0, 1, 2, 3, 4, 5, 6, 7] : [row.reg];
    return !codes.some((code) =>
      regs.some((reg) => {
        const found = decode(Uint8Array.from(encodeRow(row, reg)), 0, code);
        return typeof found === 'object' && found.row === row;
      })
    );
  });
  expect(unreached).toEqual([]);
});
