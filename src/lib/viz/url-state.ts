/**
 * The state of the view in the URL's hash: `#v=1&file=vm.state&print=…&sel=field:12:cpu.cr3&tab.main=bytes&ram.colour=kind`.
 * A lesson's link needs no more than `#sample=linux-load&preset=plateau`. Old links keep working: one upgrader a version, checked at load.
 */
import { nothing, type Selection } from './selection.svelte.ts';

export interface ViewState {
  /** Name of the file that was open: what to ask for. */
  readonly file?: string;
  /** `fingerprint()` of it: whether it is the same. */
  readonly print?: string;
  /** Id of one of several states in a qcow2 image. */
  readonly snapshot?: string;
  /** Id of a bundled sample, which can be opened without asking. */
  readonly sample?: string;
  /** Id of a preset of the migration, which the sample's guest is to be set up with. */
  readonly preset?: string;
  readonly selection: Selection;
  /** Stream offset of the hex cursor. */
  readonly cursor?: number;
  /** What panels keep: `panel.setting` to text, for example `tab.main` or `ram.colour`. */
  readonly settings: ReadonlyMap<string, string>;
}

export const VERSION = 1;
type Upgrader = (params: URLSearchParams) => void;
/** `upgraders[n]` turns version n + 1 into n + 2, in place. */
const upgraders: readonly Upgrader[] = [];
if (upgraders.length !== VERSION - 1)
  throw new Error(`url-state: ${VERSION - 1} upgraders wanted, ${upgraders.length} there`);

/** Brings a hash of any version before ours up to date; undefined when it is from the future or no hash of ours. */
export function upgrade(params: URLSearchParams, steps = upgraders): URLSearchParams | undefined {
  const version = Number(params.get('v') ?? (params.has('sample') ? 1 : undefined));
  if (!Number.isInteger(version) || version < 1 || version > steps.length + 1) return undefined;
  const upgraded = new URLSearchParams(params);
  for (const step of steps.slice(version - 1)) step(upgraded);
  upgraded.set('v', String(steps.length + 1));
  return upgraded;
}

/** Absent, not a number, or not a whole one that a stream can have: undefined. */
const natural = (text: string | null | undefined): number | undefined => {
  if (!text || !/^\d{1,16}$/.test(text)) return undefined;
  const n = Number(text);
  return Number.isSafeInteger(n) ? n : undefined;
};

/** Holes in guest memory cut a selection of pages into runs; a link holds so many. */
const MOST_RUNS = 100;

export function selectionText(s: Selection): string {
  switch (s.kind) {
    case 'none':
      return '';
    case 'section':
      return `section:${s.section}`;
    case 'field':
      return `field:${s.section}:${s.path}`;
    case 'bytes':
    case 'range':
      return `${s.kind}:${s.start}-${s.end}`;
    case 'page':
      return `page:${s.page}${s.record === undefined ? '' : `@${s.record}`}${s.offset === undefined ? '' : `+${s.offset}`}`;
    case 'pages':
      return `pages:${s.runs
        .slice(0, MOST_RUNS)
        .map((run) => run.join('-'))
        .join(',')}`;
    case 'gva':
      return `gva:0x${s.gva.toString(16)}`;
  }
}

export function readSelection(text: string): Selection {
  const [kind, rest = ''] = text.split(/:(.*)/s) as [string, string?];
  switch (kind) {
    case 'section': {
      const section = natural(rest);
      return section === undefined ? nothing : { kind, section };
    }
    case 'field': {
      const [index, path = ''] = rest.split(/:(.*)/s);
      const section = natural(index);
      return section === undefined || path === '' ? nothing : { kind, section, path };
    }
    case 'bytes':
    case 'range': {
      const [start, end] = rest.split('-').map(natural);
      return start === undefined || end === undefined || end <= start ? nothing : { kind, start, end };
    }
    case 'page': {
      const parts = /^(\d+)(?:@(\d+))?(?:\+(\d+))?$/.exec(rest);
      const page = natural(parts?.[1]);
      const record = natural(parts?.[2]);
      const offset = natural(parts?.[3]);
      if (page === undefined) return nothing;
      return { kind, page, ...(record !== undefined && { record }), ...(offset !== undefined && { offset }) };
    }
    case 'pages': {
      const runs = rest.split(',').map((run) => run.split('-').map(natural));
      const rising = runs.every(([first, end], i) => first! < end! && (i === 0 || runs[i - 1]![1]! <= first!));
      return rising && runs.length <= MOST_RUNS ? { kind, runs: runs as [number, number][] } : nothing;
    }
    case 'gva':
      return /^0x[0-9a-f]{1,16}$/.test(rest) ? { kind, gva: BigInt(rest) } : nothing;
    default:
      return nothing;
  }
}

const own = new Set(['v', 'file', 'print', 'snapshot', 'sample', 'preset', 'sel', 'at']);

/** Without the leading `#`. */
export function writeHash(state: ViewState): string {
  const params = new URLSearchParams({ v: String(VERSION) });
  const put = (name: string, value: string | undefined) => value && params.set(name, value);
  put('file', state.file);
  put('print', state.print);
  put('snapshot', state.snapshot);
  put('sample', state.sample);
  put('preset', state.preset);
  put('sel', selectionText(state.selection));
  put('at', state.cursor?.toString());
  for (const name of [...state.settings.keys()].sort()) put(name, state.settings.get(name));
  return params.toString();
}

/** What a hash asks for, or undefined when it is none of ours. Never throws: anybody can make a link. */
export function readHash(hash: string): ViewState | undefined {
  const params = upgrade(new URLSearchParams(hash.replace(/^#/, '')));
  if (!params) return undefined;
  const get = (name: string) => params.get(name) || undefined;
  return {
    file: get('file'),
    print: get('print'),
    snapshot: get('snapshot'),
    sample: get('sample'),
    preset: get('preset'),
    selection: readSelection(params.get('sel') ?? ''),
    cursor: natural(params.get('at')),
    settings: new Map([...params].filter(([name]) => !own.has(name)))
  };
}

/** The hash such that everybody can decode it: `%` that begins no character, as where a link was cut, stops the router. */
export function mendHash(hash: string): string {
  try {
    // The result is used, lest a minifier takes the call for one without effect.
    if (decodeURIComponent(hash) !== '') return hash;
  } catch {
    return `#${new URLSearchParams(hash.replace(/^#/, '')).toString()}`;
  }
  return '';
}
