/**
 * What is new in plain data since it was told last, and the data put together again from it. What has not changed keeps its
 * identity, so that whoever shows it sees by `===` what needs no work. Plain: numbers, bigints, strings, booleans,
 * undefined, Uint8Array, arrays, maps, objects without methods.
 */

/** How an old value becomes a new one; undefined where it is the same. Can be sent by structured clone. */
export type Delta =
  | { readonly value: unknown }
  /** Bytes at some places; as many as before. */
  | { readonly at: Uint32Array; readonly bytes: Uint8Array }
  /** Members of an array, a map or an object; an array ends at `length`. */
  | {
      readonly members: readonly (readonly [key: unknown, delta: Delta])[];
      readonly gone?: readonly unknown[];
      readonly length?: number;
    };

/** More bytes than one of so many are sent as a whole. */
const SPARSE = 8;

type Plain = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

export function deltaOf(before: unknown, after: unknown): Delta | undefined {
  if (before === after) return undefined;
  if (!isObject(before) || !isObject(after)) return Object.is(before, after) ? undefined : { value: after };
  if (after instanceof Uint8Array) return before instanceof Uint8Array ? bytesDelta(before, after) : { value: after };
  if (Array.isArray(after)) return Array.isArray(before) ? listDelta(before, after) : { value: after };
  if (after instanceof Map) return before instanceof Map ? mapDelta(before, after) : { value: after };
  if (Array.isArray(before) || before instanceof Map || before instanceof Uint8Array) return { value: after };
  return objectDelta(before as Plain, after as Plain);
}

function bytesDelta(before: Uint8Array, after: Uint8Array): Delta | undefined {
  if (before.length !== after.length) return { value: after };
  const most = Math.floor(after.length / SPARSE);
  const at: number[] = [];
  const [words, words2] = [wordsOf(before), wordsOf(after)];
  for (let i = 0; i < after.length; i++) {
    if ((i & 3) === 0 && i >>> 2 < words.length && words[i >>> 2] === words2[i >>> 2]) {
      i += 3;
      continue;
    }
    if (before[i] === after[i]) continue;
    if (at.length === most) return { value: after };
    at.push(i);
  }
  if (at.length === 0) return undefined;
  return { at: Uint32Array.from(at), bytes: Uint8Array.from(at, (i) => after[i]!) };
}

/** As far as whole words go; none where they do not lie as words do. */
const wordsOf = ({ buffer, byteOffset, length }: Uint8Array): Uint32Array =>
  (byteOffset & 3) === 0 ? new Uint32Array(buffer, byteOffset, length >>> 2) : new Uint32Array(0);

function listDelta(before: readonly unknown[], after: readonly unknown[]): Delta | undefined {
  const members: [number, Delta][] = [];
  for (let i = 0; i < after.length; i++) {
    const delta = i < before.length ? deltaOf(before[i], after[i]) : { value: after[i] };
    if (delta) members.push([i, delta]);
  }
  if (members.length === 0 && before.length === after.length) return undefined;
  return { members, length: after.length };
}

function mapDelta(before: ReadonlyMap<unknown, unknown>, after: ReadonlyMap<unknown, unknown>): Delta | undefined {
  const members: [unknown, Delta][] = [];
  for (const [key, value] of after) {
    const delta = before.has(key) ? deltaOf(before.get(key), value) : { value };
    if (delta) members.push([key, delta]);
  }
  const gone = [...before.keys()].filter((key) => !after.has(key));
  return members.length === 0 && gone.length === 0 ? undefined : { members, gone };
}

function objectDelta(before: Plain, after: Plain): Delta | undefined {
  const members: [string, Delta][] = [];
  for (const key in after) {
    const delta = key in before ? deltaOf(before[key], after[key]) : { value: after[key] };
    if (delta) members.push([key, delta]);
  }
  const gone: string[] = [];
  for (const key in before) if (!(key in after)) gone.push(key);
  return members.length === 0 && gone.length === 0 ? undefined : { members, gone };
}

/** The new value. `before` stays as it is; of what is in it, that which is the same is in the new one too. */
export function withDelta(before: unknown, delta: Delta | undefined): unknown {
  if (delta === undefined) return before;
  if ('value' in delta) return delta.value;
  if ('at' in delta) {
    const bytes = (before as Uint8Array).slice();
    delta.at.forEach((at, i) => (bytes[at] = delta.bytes[i]!));
    return bytes;
  }
  const { members, gone = [], length } = delta;
  if (Array.isArray(before)) {
    const list = before.slice(0, length) as unknown[];
    for (const [key, member] of members) list[key as number] = withDelta(list[key as number], member);
    return list;
  }
  if (before instanceof Map) {
    const map = new Map<unknown, unknown>(before);
    for (const key of gone) map.delete(key);
    for (const [key, member] of members) map.set(key, withDelta(map.get(key), member));
    return map;
  }
  const left = new Set(gone);
  const kept = Object.entries(before as Plain).filter(([key]) => !left.has(key));
  // Entries become own members whatever their names.
  const changed = members.map(([key, member]) => [key, withDelta((before as Plain)[key as string], member)]);
  return Object.fromEntries([...kept, ...changed] as [string, unknown][]);
}
