/**
 * Serves `virtual:iced-x86`: the iced-x86 package's own file with its Node lines removed, wrapped in a lazy `load()`.
 * The npm build is Node-only CommonJS (`require('fs')`); under vitest the same id requires the package as it is.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Plugin } from 'vite';

const id = 'virtual:iced-x86';
const require = createRequire(import.meta.url);
const nodeLines = [
  /^const \{ TextDecoder, TextEncoder \} = require\(`util`\);$/m,
  /^const path = require\('path'\)\.join\(__dirname, 'iced_x86_bg\.wasm'\);$/m,
  /^const bytes = require\('fs'\)\.readFileSync\(path\);$/m,
  /^const wasmModule = new WebAssembly\.Module\(bytes\);$/m
];

function browserModule(): string {
  const main = require.resolve('iced-x86');
  let source = readFileSync(main, 'utf8');
  for (const line of nodeLines) {
    if (!line.test(source)) throw new Error(`iced-x86 has changed: no line ${line} in ${main}`);
    source = source.replace(line, '');
  }
  return `import wasmUrl from ${JSON.stringify(join(dirname(main), 'iced_x86_bg.wasm') + '?url')};
let loaded;
export default function load() {
  return (loaded ??= WebAssembly.compileStreaming(fetch(wasmUrl)).then(instantiate));
}
function instantiate(wasmModule) {
const module = { exports: {} };
${source}
return module.exports;
}
`;
}

export function icedX86(): Plugin {
  return {
    name: 'iced-x86',
    enforce: 'pre',
    resolveId: (source) => (source === id ? '\0' + id : undefined),
    load: (source) => {
      if (source !== '\0' + id) return undefined;
      return process.env.VITEST
        ? `import iced from 'iced-x86'; export default () => Promise.resolve(iced);`
        : browserModule();
    }
  };
}
