/**
 * The instruction table: everything about each instruction that is not computation. The decoder, the interpreter, the
 * compiler, flag liveness, the support page and the fuzz generator read it; `table-row.ts` says how a line is written.
 *
 * Operands are in the notation of SDM 2D, appendix A.2, destination first: a letter for where, letters for how much.
 *
 *   A far pointer    B VEX.vvvv, general    C control      D debug        E ModRM, general or memory
 *   G reg, general   H VEX.vvvv, vector     I immediate    J relative     L vector, bits 7:4 of the immediate
 *   M memory only    N rm, MMX              O offset       P reg, MMX     Q ModRM, MMX or memory
 *   R rm, general (mod not looked at)       S segment      U rm, vector   V reg, vector
 *   W ModRM, vector or memory               X DS:rSI       Y ES:rDI       Z low bits of the opcode, general
 *   VM memory with a vector of indices, VI  STi rm         names and 1: themselves
 *
 *   b byte   w word   d doubleword   q quadword   t ten bytes   dq 16 bytes   qq 32 bytes   x 16 or 32 by VEX.L
 *   v 2, 4, 8 by operand size   z 2, 4, 4   y 4, 4, 8   p far pointer   s descriptor-table register   a BOUND's pair
 *   e f  x87 environment and state: 14 or 28, 94 or 108 bytes by operand size
 *   xh xq xo half, quarter, eighth of x   bs immediate byte, sign-extended (Iz is so too)   none: size is no matter
 *   N bytes: a number, as in M512
 *
 * Where 66 or REX.W chooses between integer sizes, `v` and its like do that; where W chooses between operations, there are
 * two rows. Vector rows give `x` whatever the element, their name tells that.
 *
 * `semantics` is the operation: the mnemonic, the same for every operand form (`add`, `movzx`, `paddb`, `fadd`, `addps`).
 *   - VEX forms of SSE operations share the name without v: `vpaddb` has `paddb` and a source operand more; `insn.row.vex`
 *     tells that bits above the result are to be zeroed. Operations that only VEX has keep their v: `vpermd`.
 *   - Conditional ones are `jcc`, `setcc`, `cmovcc`, `cmpccxadd` (the condition is in `Insn.condition`); FCMOVcc are eight.
 *   - 64-bit spellings share: `fxsave64` has `fxsave`, `Insn.size` tells.
 *   - Prefetches, fences, CLFLUSH, ENDBR and the like are `nop`.
 *   - Forms that do different work have a suffix: `mov_from_cr`, `mov_to_cr`, `mov_from_dr`, `mov_to_dr`. MOV with a segment
 *     register is `mov`: the operand kind tells.
 * A name is looked up among the functions of `isa/semantics`; rows whose name has no function are the unsupported ones.
 *
 * A feature is QEMU's name of the CPUID bit that a row belongs to; `decoderFor` leaves the row out without it. VEX rows also
 * need CR4.OSXSAVE and XCR0, SSE rows CR0.EM, TS and CR4.OSFXSR: their semantics look.
 */
import type { Row } from './insn.ts';
import { twoByte } from './table-0f.ts';
import { threeDNow } from './table-3dnow.ts';
import { avx } from './table-avx.ts';
import { oneByte } from './table-one-byte.ts';
import { sse } from './table-sse.ts';
import { x87 } from './table-x87.ts';

/** Where several rows fit the same bytes, the first counts. */
export const TABLE: readonly Row[] = [...oneByte, ...twoByte, ...x87, ...sse, ...threeDNow, ...avx];

/** Rows that have no semantics among `names`: #UD when run. For the support page and the tests. */
export function rowsWithoutSemantics(names: ReadonlySet<string>): readonly Row[] {
  return TABLE.filter((row) => row.semantics === undefined || !names.has(row.semantics));
}
