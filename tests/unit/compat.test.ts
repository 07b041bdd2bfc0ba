/**
 * What the page uses of the web, against MDN's browser-compat-data: README's oldest browsers have all of it, or there is
 * a fallback. Scripts are looked at by their types, so that `blob.bytes()` is not taken for a method of ours; styles by
 * property, value, selector, rule and function; markup by element and attribute. Syntax is Vite's to lower, but for that
 * of regular expressions.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CompatData, CompatStatement, Identifier, SimpleSupportStatement } from '@mdn/browser-compat-data';
import { parse, parseCss } from 'svelte/compiler';
import ts from 'typescript';
import { expect, test } from 'vitest';

/** What some of the browsers lack, and what happens there. */
const fallbacks: Readonly<Record<string, string>> = {
  'api.CanvasRenderingContext2D.font': 'Safari before 18.4 does not tell the weight again: it is only set here',
  'api.KeyboardEvent.isComposing': 'Safari is late by one key: Enter that ends a composition takes the marked choice',
  'api.KeyboardEvent.repeat':
    'with several keys held, Chrome before 137 says of a repeat that it is a press: the guest gets one',
  'api.Window.devicePixelRatio': 'Safari does not count zoom in: canvases are less sharp there while zoomed',
  'css.properties.accent-color':
    'Safari before 26.2 does not keep the contrast of the mark: the token has enough of it',
  'css.properties.contain-intrinsic-size': 'nothing is left out there for which a size would stand in',
  'css.properties.content-visibility': 'what is out of sight is laid out there, which takes a little longer',
  'css.properties.content-visibility.auto': 'what is out of sight is laid out there, which takes a little longer',
  'css.properties.mask-image': 'tabs that overflow end at an edge there; the menu beside them lists all',
  'css.properties.scrollbar-width': 'scroll bars have their usual width',
  'css.properties.scrollbar-width.none': 'the bar of tabs that overflow is seen',
  'css.properties.scrollbar-width.thin': 'scroll bars have their usual width'
};

const root = fileURLToPath(new URL('../../', import.meta.url));
const data = createRequire(import.meta.url)('@mdn/browser-compat-data') as CompatData;

/** The oldest browsers that README names. */
function floors(): Readonly<Record<'chrome' | 'firefox' | 'safari', number>> {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const [, chrome, firefox, safari] =
    /Chromium ([\d.]+), Firefox ([\d.]+), Safari ([\d.]+) or newer/.exec(readme) ?? [];
  return { chrome: Number(chrome), firefox: Number(firefox), safari: Number(safari) };
}

/** `all`: a statement may go on in another one, with other notes. */
const has = (statement: SimpleSupportStatement, floor: number, all: readonly SimpleSupportStatement[]): boolean =>
  typeof statement.version_added === 'string' &&
  Number.parseFloat(statement.version_added.replace('≤', '')) <= floor &&
  (!statement.version_removed || all.some((other) => other.version_added === statement.version_removed)) &&
  !statement.flags &&
  !statement.prefix &&
  !statement.alternative_name &&
  !statement.partial_implementation;

/** Browsers that lack it, with what the data says of them. */
function lacking(compat: CompatStatement): string[] {
  return Object.entries(floors()).flatMap(([browser, floor]) => {
    const support = compat.support[browser as 'chrome'];
    const statements = support === undefined ? [] : Array.isArray(support) ? support : [support];
    if (statements.some((statement) => has(statement, floor, statements))) return [];
    return [`${browser} ${statements.map((s) => s.version_added || 'never').join(', ') || 'unknown'}`];
  });
}

const child = (at: Identifier | undefined, ...names: readonly string[]): Identifier | undefined =>
  names.reduce<Identifier | undefined>(
    (node, name) => (node && Object.hasOwn(node, name) ? node[name] : undefined),
    at
  );

/** Interfaces of typed arrays share one entry. */
const typedArray = /^(?:Big)?(?:Uint|Int|Float)\d+(?:Clamped)?Array$/;

/** Every name that the data has: no other identifier needs a type. */
const known = new Set(
  [data.api, data.javascript.builtins!].flatMap((owners) =>
    Object.entries(owners).flatMap(([owner, members]) => [
      owner,
      ...Object.keys(members).map((name) => name.replace(/_static$/, ''))
    ])
  )
);

/** Where the data has a member of an interface of TypeScript's libraries; undefined when it says nothing of it. */
function entryOf(owner: string | undefined, name: string): { key: string; compat: CompatStatement } | undefined {
  const of = owner?.replace(/Constructor$/, '').replace(/^Readonly(?=Array|Map|Set)/, '');
  const builtins = data.javascript.builtins;
  const found = (key: string, node: Identifier | undefined) =>
    node?.__compat ? { key: `${key}.${name}`, compat: node.__compat } : undefined;
  if (of === undefined) {
    return found('api', child(data.api, name)) ?? found('javascript.builtins', child(builtins, name));
  }
  const shared = typedArray.test(of) ? 'TypedArray' : of;
  return (
    found(`javascript.builtins.${shared}`, child(builtins, shared, name)) ??
    found(`api.${of}`, child(data.api, of, name)) ??
    found(`api.${of}`, child(data.api, of, `${name}_static`)) ??
    mixin(name, of)
  );
}
/** TypeScript has interfaces for mixins, such as `Body`, which the data lists under whoever includes them. */
function mixin(name: string, of: string): { key: string; compat: CompatStatement } | undefined {
  if (Object.hasOwn(data.api, of) || Object.hasOwn(data.javascript.builtins!, of)) return undefined;
  const all = Object.entries(data.api).flatMap(([owner]) => {
    const compat = child(data.api, owner, name)?.__compat;
    return compat ? [{ key: `api.${owner}.${name}`, compat }] : [];
  });
  return all.find(({ compat }) => lacking(compat).length === 0) ?? all[0];
}

const sources: readonly string[] = [
  'src/app.css',
  'src/hooks.client.ts',
  ...['src/lib', 'src/routes'].flatMap((top) =>
    readdirSync(join(root, top), { recursive: true, encoding: 'utf8' }).map((name) => `${top}/${name}`)
  )
];
const files = (pattern: RegExp): string[] => sources.filter((name) => pattern.test(name));
const read = (name: string): string => readFileSync(join(root, name), 'utf8');

/** Entry of the data to its statement and a place that uses it. */
type Used = Map<string, { readonly compat: CompatStatement; readonly at: string }>;
function note(used: Used, key: string, node: Identifier | undefined, at: string): void {
  if (node?.__compat && !used.has(key)) used.set(key, { compat: node.__compat, at });
}

/** A node of Svelte's trees of components and styles. */
type Node = { readonly type: string } & Readonly<Record<string, unknown>>;
const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
function* nodesOf(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const item of value) yield* nodesOf(item);
  else if (isNode(value)) {
    yield value;
    for (const [name, part] of Object.entries(value)) if (name !== 'metadata') yield* nodesOf(part);
  }
}

const components = new Map(
  files(/\.svelte$/).map((name) => {
    const text = read(name);
    return [name, { text, tree: parse(text, { modern: true }) }] as const;
  })
);

/** The scripts of a component, and the expressions of its markup behind them: their types come from the same imports. */
function scriptOf(name: string): string {
  const { text, tree } = components.get(name)!;
  const slice = ({ start, end }: { start: unknown; end: unknown }) => text.slice(Number(start), Number(end));
  const scripts = [tree.module, tree.instance].flatMap((script) =>
    script ? [slice(script).replace(/^<script[^>]*>|<\/script>$/g, '')] : []
  );
  const expressions = [...nodesOf(tree.fragment)].flatMap(({ type, expression }) =>
    type === 'ExpressionTag' && isNode(expression) ? [`void (${slice(expression as never)});`] : []
  );
  return [...scripts, ...expressions].join('\n');
}

/** A program of all scripts; those of components are given to it as `Name.svelte.script.ts`. */
function program(): ts.Program {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(
    {
      ...config.compilerOptions,
      lib: ['esnext', 'dom', 'dom.iterable', 'dom.asynciterable'],
      target: 'esnext',
      noEmit: true
    },
    root
  );
  const host = ts.createCompilerHost(options);
  const scripts = new Map([...components.keys()].map((name) => [join(root, `${name}.script.ts`), scriptOf(name)]));
  const { readFile, fileExists } = host;
  host.readFile = (path) => scripts.get(path) ?? readFile(path);
  host.fileExists = (path) => scripts.has(path) || fileExists(path);
  const modules = files(/\.ts$/).map((name) => join(root, name));
  return ts.createProgram([...modules, ...scripts.keys(), join(root, 'src/ambient.d.ts')], options, host);
}

/** Parts of regular expressions, which nothing lowers; the flags by the property that tells of them. */
const patterns: readonly (readonly [RegExp, string])[] = [
  [/\(\?<[=!]/, 'lookbehind_assertion'],
  [/\(\?<[^=!]/, 'named_capturing_group'],
  [/\(\?[ims-]+:/, 'modifier'],
  [/\\p\{/i, 'unicode_character_class_escape']
];
const flags = { d: 'hasIndices', s: 'dotAll', u: 'unicode', v: 'unicodeSets', y: 'sticky' } as const;

function usedByPattern(used: Used, literal: string, at: string): void {
  const { regular_expressions: parts, builtins } = data.javascript;
  for (const [pattern, part] of patterns) {
    if (pattern.test(literal)) note(used, `javascript.regular_expressions.${part}`, child(parts, part), at);
  }
  for (const flag of literal.slice(literal.lastIndexOf('/') + 1)) {
    const name = flags[flag as keyof typeof flags];
    if (name) note(used, `javascript.builtins.RegExp.${name}`, child(builtins, 'RegExp', name), at);
  }
}

/** What scripts use of the browser and the language. */
function usedByScripts(all: ts.Program): Used {
  const checker = all.getTypeChecker();
  const used: Used = new Map();
  // What only workers have is not in TypeScript's library for pages: where it is used, it is declared.
  const isPlatform = (declaration: ts.Declaration) =>
    all.isSourceFileDefaultLibrary(declaration.getSourceFile()) ||
    (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Ambient) !== 0;
  const ours = all.getSourceFiles().filter((f) => f.fileName.startsWith(join(root, 'src')) && !f.isDeclarationFile);
  for (const file of ours) {
    const place = (node: ts.Node) =>
      `${file.fileName.slice(root.length)}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
    const visit = (node: ts.Node): void => {
      if (ts.isTypeNode(node)) return;
      if (ts.isRegularExpressionLiteral(node)) usedByPattern(used, node.text, place(node));
      if (ts.isIdentifier(node) && known.has(node.text)) {
        const declaration = checker.getSymbolAtLocation(node)?.declarations?.[0];
        if (declaration && isPlatform(declaration)) {
          const holder = declaration.parent;
          const owner = ts.isInterfaceDeclaration(holder)
            ? holder.name.text
            : ts.isTypeLiteralNode(holder) && ts.isVariableDeclaration(holder.parent)
              ? holder.parent.name.getText()
              : undefined;
          const entry = entryOf(owner, node.text);
          if (entry && !used.has(entry.key)) used.set(entry.key, { compat: entry.compat, at: place(node) });
        }
      }
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  return used;
}

const { properties, selectors, types, 'at-rules': rules } = data.css as unknown as Record<string, Identifier>;

/** What a style sheet uses; `tree`: from Svelte's parser. */
function usedByStyle(used: Used, tree: unknown, at: string): void {
  const declared = (property: string, value: string) => {
    if (property.startsWith('--')) return;
    note(used, `css.properties.${property}`, child(properties, property), at);
    for (const word of value.replace(/var\(.*?\)/g, '').match(/[a-z][a-z-]*/g) ?? []) {
      note(used, `css.properties.${property}.${word}`, child(properties, property, word), at);
    }
    for (const [, called = ''] of value.matchAll(/([a-z-]+)\(/g)) {
      note(used, `css.types.${called}`, child(types, called) ?? child(types, 'color', called), at);
    }
  };
  for (const node of nodesOf(tree)) {
    const { type } = node;
    const name = String(node.name ?? '');
    if (type === 'Block') {
      const inside = (node.children as Node[]).filter((c) => c.type === 'Declaration');
      const names = new Set(inside.map((c) => String(c.property)));
      // What has a prefixed twin beside it works by that.
      for (const { property, value } of inside) {
        if (!names.has(`-webkit-${String(property)}`)) declared(String(property), String(value));
      }
    } else if (type === 'Rule' && (node.block as { children: Node[] }).children.some((c) => c.type === 'Rule')) {
      note(used, 'css.selectors.nesting', child(selectors, 'nesting'), at);
    } else if (type === 'StyleDirective') declared(name, '');
    else if (type === 'PseudoClassSelector' || type === 'PseudoElementSelector') {
      note(used, `css.selectors.${name}`, child(selectors, name), at);
    } else if (type === 'Atrule') {
      note(used, `css.at-rules.${name}`, child(rules, name), at);
      for (const [, feature = ''] of String(node.prelude).matchAll(/\(([a-z-]+)/g)) {
        note(used, `css.at-rules.${name}.${feature}`, child(rules, name, feature), at);
      }
    }
  }
}

/** What styles and markup use. */
function usedByMarkup(): Used {
  const used: Used = new Map();
  for (const name of files(/\.css$/)) usedByStyle(used, parseCss(read(name)), name);
  const { elements, global_attributes: global } = data.html;
  for (const [name, { tree }] of components) {
    usedByStyle(used, tree.css?.children, name);
    usedByStyle(used, tree.fragment, name);
    for (const node of nodesOf(tree.fragment)) {
      if (node.type !== 'RegularElement') continue;
      const element = String(node.name);
      note(used, `html.elements.${element}`, child(elements, element), name);
      for (const attribute of node.attributes as Node[]) {
        if (attribute.type !== 'Attribute') continue;
        const named = String(attribute.name);
        note(used, `html.global_attributes.${named}`, child(global, named), name);
        note(used, `html.elements.${element}.${named}`, child(elements, element, named), name);
        const [value] = Array.isArray(attribute.value) ? (attribute.value as Node[]) : [];
        const text = `${named}_${String(value?.data)}`;
        note(used, `html.elements.${element}.${text}`, child(elements, element, text), name);
      }
    }
  }
  return used;
}

test('README names the oldest browsers', () => {
  for (const floor of Object.values(floors())) expect(floor).toBeGreaterThan(1);
});

test('every browser that README names has what scripts, styles and markup use, or there is a fallback', () => {
  const used = new Map([...usedByScripts(program()), ...usedByMarkup()]);
  // Some that are surely used: what is looked for is found.
  for (const key of [
    ...['api.FileReaderSync', 'api.ResizeObserver', 'javascript.builtins.Array.findLast', 'api.Blob.slice'],
    ...['css.types.color-mix', 'css.selectors.focus-visible', 'css.at-rules.media.prefers-reduced-motion'],
    ...['html.global_attributes.inert', 'html.elements.progress', 'html.elements.input.type_search'],
    'javascript.builtins.RegExp.dotAll'
  ]) {
    expect([...used.keys()]).toContain(key);
  }
  const missing = [...used].flatMap(([key, { compat, at }]) => {
    const browsers = lacking(compat);
    return browsers.length > 0 && !(key in fallbacks) ? [`${key} in ${at}: ${browsers.join('; ')}`] : [];
  });
  expect(missing).toEqual([]);
  // A fallback that nothing needs any more is taken out.
  const needless = Object.keys(fallbacks).filter(
    (key) => !used.has(key) || lacking(used.get(key)!.compat).length === 0
  );
  expect(needless).toEqual([]);
}, 120_000);

test('a method that only newer browsers have is told from one of ours', () => {
  expect(entryOf('Blob', 'bytes')?.key).toBe('api.Blob.bytes');
  expect(lacking(entryOf('Blob', 'bytes')!.compat)).toHaveLength(3);
  expect(lacking(entryOf('PromiseConstructor', 'withResolvers')!.compat)).not.toEqual([]);
  expect(lacking(entryOf('Array', 'toSorted')!.compat)).toEqual([]);
});

test('what newer browsers alone have is found in styles and regular expressions', () => {
  const lack = (used: Used) => [...used].filter(([, { compat }]) => lacking(compat).length > 0).map(([key]) => key);
  const style: Used = new Map();
  usedByStyle(
    style,
    parseCss('a { user-select: none; field-sizing: content; color: light-dark(red, blue); b { top: 0 } }'),
    'here'
  );
  expect(lack(style)).toEqual(
    expect.arrayContaining([
      'css.properties.user-select',
      'css.properties.field-sizing',
      'css.types.light-dark',
      'css.selectors.nesting'
    ])
  );
  const prefixed: Used = new Map();
  usedByStyle(prefixed, parseCss('a { user-select: none; -webkit-user-select: none }'), 'here');
  expect(lack(prefixed)).not.toContain('css.properties.user-select');
  const patterns: Used = new Map();
  usedByPattern(patterns, '/(?i:a)[b--c]/v', 'here');
  expect(lack(patterns)).toEqual(['javascript.regular_expressions.modifier', 'javascript.builtins.RegExp.unicodeSets']);
});
