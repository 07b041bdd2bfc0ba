/**
 * What decoding gives, and what a row of the instruction table says. Types only: the table (`table.ts`) drives the
 * decoder, the interpreter, the compiler, flag liveness, the support page and the fuzz generator.
 */

export type Size = 1 | 2 | 4 | 8;

/** Where an operand is. Numbers of registers as encoded, extended by REX and VEX. */
export type Operand =
  /** General register; `high` is AH CH DH BH (index 0 to 3). */
  | { readonly kind: 'reg'; readonly index: number; readonly size: Size; readonly high?: boolean }
  | { readonly kind: 'mem'; readonly mem: MemoryOperand; readonly bytes: number }
  /** Sign-extended to 64 bits where the manual says so; unsigned otherwise. `size` is the encoded size. */
  | { readonly kind: 'imm'; readonly value: bigint; readonly size: Size }
  /** Branch target, relative to the next instruction. */
  | { readonly kind: 'rel'; readonly value: number }
  | { readonly kind: 'far'; readonly selector: number; readonly offset: number; readonly size: Size }
  | { readonly kind: 'sreg' | 'creg' | 'dreg' | 'mm' | 'st'; readonly index: number }
  | { readonly kind: 'xmm' | 'ymm'; readonly index: number };

export interface MemoryOperand {
  /** Segment register after overrides: ES CS SS DS FS GS are 0 to 5. */
  readonly segment: number;
  /** 0 to 15, or R_ZERO. */
  readonly base: number;
  readonly index: number;
  /** log2 of the scale. */
  readonly scale: 0 | 1 | 2 | 3;
  /** Sign-extended. */
  readonly disp: bigint;
  /** Relative to the end of the instruction. */
  readonly ripRelative: boolean;
}

/** CPL and mode that decoding depends on. */
export type CodeSize = 16 | 32 | 64;

export interface Insn {
  readonly row: Row;
  /** Bytes, 1 to 15. */
  readonly length: number;
  /** Effective operand size (of `v` operands). */
  readonly size: Size;
  /** Effective address size. */
  readonly addressSize: 2 | 4 | 8;
  readonly operands: readonly Operand[];
  /** Low four bits of the opcode of Jcc, SETcc, CMOVcc. */
  readonly condition: number;
  readonly lock: boolean;
  /** REPE/REP F3, REPNE F2, where the row uses them. */
  readonly rep: 'none' | 'rep' | 'repne';
  /** Segment after override, for string instructions and XLAT. */
  readonly segment: number;
  /** VEX.L: 256 bits. */
  readonly wide: boolean;
}

/** Why bytes are no instruction. #UD in all but `fetch`, where more bytes are needed than there are. */
export type DecodeFault = 'undefined' | 'too-long' | 'fetch';

export interface Row {
  /** Mnemonic in the manuals' spelling, lower case. */
  readonly name: string;
  /** Escape bytes. */
  readonly map: '' | '0f' | '0f38' | '0f3a';
  readonly opcode: number;
  /** Mandatory prefix; `np` is none of 66 F3 F2. Absent: not looked at. */
  readonly prefix?: 'np' | '66' | 'f3' | 'f2';
  /** ModRM.reg as an opcode extension. */
  readonly reg?: number;
  /** ModRM.mod: 3 only, or memory only. */
  readonly mod?: 'reg' | 'mem';
  /** ModRM.rm as an opcode extension (0F 01 D0). */
  readonly rm?: number;
  /** Of 3DNow!: the opcode behind the operands. */
  readonly suffix?: number;
  readonly vex?: { readonly l?: 0 | 1; readonly w?: 0 | 1 };
  /** REX.W or VEX.W as an opcode extension. */
  readonly w?: 0 | 1;
  /** Operands in the notation of SDM 2D, appendix A.2: Eb, Gv, Iz, Vx, Wsd, … */
  readonly operands: readonly string[];
  /** Where it exists; all modes when absent. */
  readonly mode?: 'not64' | 'only64' | 'protected';
  /** Operand size in 64-bit mode: 64 by default (d64), always (f64). */
  readonly size64?: 'default' | 'forced';
  /** LOCK is allowed (with a memory destination). */
  readonly lock?: boolean;
  /** F3 / F2 are REP prefixes of this row. */
  readonly rep?: 'rep' | 'repe';
  /** CPUID feature that it belongs to, as QEMU names it; the base set when absent. */
  readonly feature?: string;
  /** Flags read, written (defined) and left undefined: letters of OSZAPCDI. */
  readonly uses?: string;
  readonly defines?: string;
  readonly undefined?: string;
  /** Ends a block: control flow, mode change, serialising, HLT. */
  readonly ends?: boolean;
  /** Needs CPL 0 (checked by its semantics); the fuzz generator leaves it out. */
  readonly privileged?: boolean;
  /** Name of its semantics in `isa/semantics`; absent: not supported yet, #UD, listed by name on the support page. */
  readonly semantics?: string;
}
