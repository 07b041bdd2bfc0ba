/** Who may import whom. The table is the rule; ARCHITECTURE.md shows it. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

interface Rule {
  /** Path prefix of the importing file; the first rule that fits holds. */
  readonly from: string;
  /** Path prefixes that may be imported, or packages (`node:` stands for all of Node's). */
  readonly may: readonly string[];
  /** Path prefixes of which types may be imported. */
  readonly types?: readonly string[];
}

const VMSTATE = 'src/lib/vmstate/';
const EMULATOR = 'src/lib/emulator/';
const HW = 'src/lib/emulator/hw/';

/** What a device declares its state with. */
const declaring = ['vmstate.ts', 'vmstate-types.ts', 'qemu-file.ts'].map((file) => VMSTATE + file);
/** What the machine around a device is made of, and what backends give it. */
const around = ['system/', 'util/', 'chardev/', 'block/', 'net/', 'ui/'].map((folder) => EMULATOR + folder);
/** Buses, and chips that QEMU embeds in the struct of another device. */
const embedded = [
  'core/',
  'pci/',
  'virtio/',
  'ide/core.ts',
  'i2c/',
  'isa/apm.ts',
  'acpi/ich9.ts',
  'usb/',
  'scsi/',
  'input/hid.ts'
].map((file) => HW + file);

const rules: readonly Rule[] = [
  { from: VMSTATE, may: [VMSTATE, 'xz-decompress', '@noble/hashes'] },
  // Data for the load doctor, which gets it as an argument.
  { from: `${HW}i386/machines.ts`, may: [], types: [`${VMSTATE}destination.ts`] },
  // Machines wire devices.
  ...['pc', 'cmos.ts', 'fw_cfg.ts', 'load-linux.ts'].map((from) => ({
    from: `${HW}i386/${from}`,
    may: [HW, ...around, `${EMULATOR}host/memory.ts`, ...declaring]
  })),
  // A device sees its own folder (QEMU splits devices over files), buses and embedded chips; never another device.
  ...hwFolders().map((from) => ({ from, may: [from, ...declaring, ...embedded, ...around] })),
  {
    from: `${EMULATOR}target/i386/`,
    may: [...['target/i386/', 'system/', 'wasm/', 'fpu/'].map((folder) => EMULATOR + folder), ...declaring]
  },
  {
    from: `${EMULATOR}accel/`,
    may: ['accel/', 'target/i386/', 'system/', 'wasm/', 'util/', 'host/memory.ts'].map((folder) => EMULATOR + folder)
  },
  {
    from: `${EMULATOR}system/`,
    may: [`${EMULATOR}system/`, `${EMULATOR}util/`, `${EMULATOR}host/memory.ts`, VMSTATE],
    types: [`${EMULATOR}machine-api.ts`]
  },
  { from: `${EMULATOR}machine-api.ts`, may: [], types: [VMSTATE, `${EMULATOR}migration-api.ts`] },
  { from: `${EMULATOR}migration-api.ts`, may: [] },
  ...['util/', 'wasm/', 'fpu/', 'chardev/'].map((folder) => ({ from: EMULATOR + folder, may: [EMULATOR + folder] })),
  { from: `${EMULATOR}disas/`, may: [`${EMULATOR}disas/`, 'virtual:iced-x86'], types: ['iced-x86'] },
  { from: `${EMULATOR}block/`, may: [`${EMULATOR}block/`, VMSTATE] },
  {
    from: `${EMULATOR}migration/`,
    may: [...['migration/', 'system/', 'hw/core/'].map((folder) => EMULATOR + folder), VMSTATE],
    types: [`${EMULATOR}machine-api.ts`, `${EMULATOR}migration-api.ts`]
  },
  { from: `${EMULATOR}host/`, may: [`${EMULATOR}host/`, VMSTATE], types: [`${EMULATOR}api.ts`, `${EMULATOR}system/`] },
  { from: `${EMULATOR}api.ts`, may: [], types: [VMSTATE] },
  // The page's side of the worker: it must not pull the worker's code into the page.
  { from: `${EMULATOR}client.ts`, may: ['comlink', `${EMULATOR}look-news.ts`], types: [EMULATOR, VMSTATE] },
  { from: `${EMULATOR}look-news.ts`, may: [`${EMULATOR}util/delta.ts`], types: [`${EMULATOR}machine-api.ts`] },
  { from: EMULATOR, may: [EMULATOR, VMSTATE, 'comlink'] },
  {
    from: 'src/lib/viz/',
    may: [
      ...['src/lib/viz/', VMSTATE, 'svelte', 'bits-ui', 'paneforge', 'd3', 'idb', 'monaco-editor', '@xterm/xterm'],
      'virtual:iced-x86'
    ],
    types: [`${EMULATOR}api.ts`, `${EMULATOR}machine-api.ts`, `${EMULATOR}migration-api.ts`, 'iced-x86']
  },
  { from: 'src/hooks.client.ts', may: ['src/lib/viz/'] },
  { from: 'src/routes/', may: ['src/routes/', 'src/lib/', 'src/app.css', 'svelte', '$app', 'virtual:'] },
  { from: 'src/bridge/', may: ['src/bridge/', 'src/lib/', 'node:', 'ws'] }
];

function hwFolders(): string[] {
  return readdirSync(new URL(`../../${HW}`, import.meta.url), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${HW}${entry.name}/`);
}

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const fits = (to: string, prefix: string): boolean =>
  prefix.endsWith('/') || prefix.endsWith(':') ? to.startsWith(prefix) : to === prefix || to.startsWith(`${prefix}/`);

/** Why an edge is not allowed, undefined when it is. */
function offence({ from, to, typeOnly }: Edge): string | undefined {
  const rule = rules.find((r) => from.startsWith(r.from));
  if (!rule) return `${from} lies where no rule holds: add one`;
  const allowed = typeOnly ? [...rule.may, ...(rule.types ?? [])] : rule.may;
  if (allowed.some((prefix) => fits(to, prefix))) return undefined;
  return `${from} imports ${typeOnly ? 'types of ' : ''}${to}; ${rule.from} may import ${rule.may.join(', ') || 'nothing'}${
    rule.types ? ` and types of ${rule.types.join(', ')}` : ''
  }`;
}

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Whether a statement brings or passes on nothing but types; `{ type A, type B }` counts as that. */
function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  const clause = node.importClause;
  if (!clause || clause.isTypeOnly) return clause !== undefined;
  const named = clause.namedBindings;
  return !clause.name && named !== undefined && ts.isNamedImports(named) && named.elements.every((e) => e.isTypeOnly);
}

/** Every import of a source text, those of a component's scripts too. */
function edgesOf(from: string, text: string): Edge[] {
  const code = from.endsWith('.svelte')
    ? [...text.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map(([, inner]) => inner).join('\n')
    : text;
  const edges: Edge[] = [];
  const add = (specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (!specifier || !ts.isStringLiteral(specifier)) return;
    const name = specifier.text;
    const path = name.startsWith('.') ? join(dirname(from), name) : name.replace(/^\$lib\//, 'src/lib/');
    edges.push({ from, to: path.split('\\').join('/').replace(/\?.*$/, ''), typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier, isTypeOnly(node));
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(from, code, ts.ScriptTarget.Latest));
  return edges;
}

function sources(): string[] {
  return readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .map((name) =>
      relative(root, join(root, 'src', name))
        .split('\\')
        .join('/')
    )
    .filter((name) => /\.(ts|svelte)$/.test(name) && !name.endsWith('.d.ts'));
}

test('no file imports what its layer may not see', () => {
  const edges = sources().flatMap((from) => edgesOf(from, readFileSync(join(root, from), 'utf8')));
  expect(edges.length).toBeGreaterThan(100);
  expect(edges.map(offence).filter((o) => o !== undefined)).toEqual([]);
});

test('imports are found in every form', () => {
  const text = `import { a } from './a.ts';
import type { B } from '../emulator/api.ts';
import { type C, type D } from '$lib/vmstate/c.ts';
import { e, type F } from 'comlink';
import './g.css';
export { h } from './h.ts';
export const i = 'from';
import {
  j
} from "./j.ts";
const k = () => import('./k.ts');
type L = typeof import('./l.ts');
// import './m.ts'
const n = "import './n.ts'";`;
  const found = edgesOf('src/lib/viz/x.ts', text).map((e) => `${e.to}${e.typeOnly ? ' types' : ''}`);
  expect(found).toEqual([
    'src/lib/viz/a.ts',
    'src/lib/emulator/api.ts types',
    'src/lib/vmstate/c.ts types',
    'comlink',
    'src/lib/viz/g.css',
    'src/lib/viz/h.ts',
    'src/lib/viz/j.ts',
    'src/lib/viz/k.ts',
    'src/lib/viz/l.ts types'
  ]);
});

test.each<[string, string, boolean, boolean]>([
  ['src/lib/vmstate/a.ts', 'src/lib/emulator/api.ts', true, false],
  ['src/lib/vmstate/a.ts', 'node:fs', false, false],
  ['src/lib/emulator/hw/timer/hpet.ts', 'src/lib/emulator/hw/timer/i8254.ts', false, true],
  ['src/lib/emulator/hw/timer/hpet.ts', 'src/lib/emulator/hw/char/serial.ts', false, false],
  ['src/lib/emulator/hw/timer/hpet.ts', 'src/lib/vmstate/savevm.ts', true, false],
  ['src/lib/emulator/client.ts', 'src/lib/emulator/inspector.ts', true, true],
  ['src/lib/emulator/client.ts', 'src/lib/emulator/inspector.ts', false, false],
  ['src/lib/viz/a.ts', 'src/lib/emulator/api.ts', true, true],
  ['src/lib/viz/a.ts', 'src/lib/emulator/api.ts', false, false],
  ['src/lib/viz/a.ts', 'src/routes/b.ts', true, false],
  ['src/bridge/a.ts', 'src/lib/emulator/descriptions.ts', false, true],
  ['src/bridge/a.ts', 'src/routes/b.ts', false, false],
  ['src/elsewhere/a.ts', 'src/lib/vmstate/b.ts', false, false]
])('%s → %s, types only: %s, is allowed: %s', (from, to, typeOnly, allowed) => {
  expect(offence({ from, to, typeOnly }) === undefined).toBe(allowed);
});
