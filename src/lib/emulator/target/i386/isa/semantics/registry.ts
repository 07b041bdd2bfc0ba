/** All semantics by the names of the instruction table. */
import type { Semantics } from '../backend.ts';
import { aes } from './aes.ts';
import { arithmetic } from './arithmetic.ts';
import { avx } from './avx.ts';
import { bits } from './bits.ts';
import { control } from './control.ts';
import { data } from './data.ts';
import { decimal } from './decimal.ts';
import { multiplication } from './multiply.ts';
import { sha } from './sha.ts';
import { shifts } from './shift.ts';
import { sseConvert } from './sse-convert.ts';
import { sseFloat } from './sse-float.ts';
import { sseInteger } from './sse-integer.ts';
import { sseMove } from './sse-move.ts';
import { sseShuffle } from './sse-shuffle.ts';
import { stack } from './stack.ts';
import { stringCompare } from './string-compare.ts';
import { strings } from './strings.ts';
import { system } from './system.ts';
import { threeDNow } from './three-d-now.ts';
import { x87 } from './x87.ts';
import { extendedState } from './xsave.ts';

const GROUPS: readonly Readonly<Record<string, Semantics>>[] = [
  arithmetic,
  shifts,
  multiplication,
  bits,
  data,
  stack,
  control,
  strings,
  decimal,
  system,
  x87,
  extendedState,
  sseFloat,
  sseConvert,
  sseInteger,
  sseMove,
  sseShuffle,
  aes,
  avx,
  sha,
  stringCompare,
  threeDNow
];

export const SEMANTICS: ReadonlyMap<string, Semantics> = new Map(GROUPS.flatMap((group) => Object.entries(group)));
