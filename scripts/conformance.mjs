#!/usr/bin/env node
// The i386 and x86_64 programs of QEMU's tests/tcg in a Linux guest on our CPU, beside native QEMU's TCG and this machine's
// own CPU. Writes tests/conformance.md, unless only some are asked for.
// usage: npm run conformance [-- --quick | --only NAME,...]     the last line is 'N passed, N failed'
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { format } from 'prettier';
import { bundle } from './bundle.mjs';
import { judge } from './conformance/compare.mjs';
import { CPU, makeGuests, runInGuest } from './conformance/guest.mjs';
import { ARCHITECTURES, buildPrograms, canBuild } from './conformance/programs.mjs';
import { outputOf, runBare, runOnCpu } from './conformance/run.mjs';
import { cache, qemus, repository } from './qemu/qemu.mjs';
import { present } from './stages.mjs';

/** @typedef {import('./conformance/programs.mjs').Program} Program */

/** Of each kind one that is done in a second or two: integers, x87, SSE, AVX, signals, threads, mappings. */
const QUICK = [
  ...['test-i386', 'test-x86_64', 'test-i386-fpatan', 'test-i386-f2xm1', 'test-i386-fxam', 'test-i386-fscale'],
  ...['test-i386-sse-exceptions', 'test-i386-pcmpistri', 'test-i386-bmi2', 'test-i386-adcox', 'test-aes', 'test-mmx'],
  ...['float_convs', 'float_madds', 'fma', 'sha512', 'noexec', 'cmpxchg', 'segment-prefixes', 'sigreturn-sigmask'],
  ...['test-3dnow', 'memory']
];
const SUITE = 'trixie';
/** For each program, on a machine that does other things too. */
const SECONDS = { quick: 60, all: 600 };

const { values } = parseArgs({ options: { quick: { type: 'boolean' }, only: { type: 'string' } } });
const names = values.only?.split(',') ?? (values.quick ? QUICK : undefined);
const seconds = values.quick ? SECONDS.quick : SECONDS.all;
const qemu = qemus().find(({ suite }) => suite === SUITE);
const lacking = ['gcc', 'make', 'python3'].filter((program) => !present(program));
if (!qemu || lacking.length > 0) {
  if (!qemu) console.log(`SKIPPED: QEMU of ${SUITE} is not installed; get it with: node scripts/qemu/install.mjs`);
  else console.log(`SKIPPED: the programs of QEMU's tests/tcg cannot be built: ${lacking.join(', ')} not found`);
  console.log('0 passed, 0 failed');
  process.exit(0);
}

/** Our machine in a process of its own, in QEMU's place and with its firmware. @param {import('./qemu/qemu.mjs').Qemu} qemu */
async function ourMachine({ firmwareArgs }) {
  const folder = join(cache, 'conformance/bundle');
  mkdirSync(folder, { recursive: true });
  await bundle('src/bridge/cli.ts', folder, 'migrascope.mjs');
  const start = join(folder, 'start.mjs');
  writeFileSync(start, "import { run } from './migrascope.mjs';\nawait run();\n");
  const argv = [process.execPath, start, 'system'];
  return { suite: 'here', version: '', argv, firmwareArgs, serialOnly: true, analyze: '' };
}

const architectures = /** @type {(keyof typeof ARCHITECTURES)[]} */ (Object.keys(ARCHITECTURES)).filter((arch) => {
  if (canBuild(arch)) return true;
  console.log(`SKIPPED: programs for ${arch}: gcc cannot build them; apt-get install make gcc-multilib libc6-dev-i386`);
  return false;
});
const programs = architectures.flatMap((arch) => buildPrograms(SUITE, arch, (name) => names?.includes(name) ?? true));
const inLinux = programs.filter(({ system }) => !system);
const guests = await makeGuests(qemu, inLinux, join(cache, 'conformance', qemu.version, 'guests'));

/** @param {string} where @param {import('./qemu/qemu.mjs').Qemu} machine */
async function runAll(where, machine) {
  /** @type {(program: Program, status: string, took: number) => void} */
  const each = ({ arch, name }, status, took) =>
    console.log(`${where}: ${arch} ${name}: status ${status}, ${(took / 1000).toFixed(1)} s`);
  /** @type {Map<Program, import('./conformance/run.mjs').Run>} */
  const runs = new Map();
  for (const guest of guests) {
    for (const [program, run] of await runInGuest(machine, guest, { seconds, each })) runs.set(program, run);
  }
  for (const program of programs.filter(({ system }) => system)) {
    const began = Date.now();
    const run = runBare(machine, program, seconds);
    runs.set(program, run);
    each(program, run.status, Date.now() - began);
  }
  return runs;
}

const onCpu = new Map(inLinux.map((program) => [program, runOnCpu(program, seconds)]));
const onTcg = await runAll('TCG', qemu);
const here = await runAll('here', await ourMachine(qemu));

const verdicts = programs.map((program) =>
  judge(program, { here: here.get(program), tcg: onTcg.get(program), cpu: onCpu.get(program) })
);
// To look at with diff.
const outputs = join(cache, 'conformance', qemu.version, 'outputs');
for (const [where, runs] of Object.entries({ here, tcg: onTcg, cpu: onCpu })) {
  mkdirSync(join(outputs, where), { recursive: true });
  for (const [program, { output }] of runs) writeFileSync(join(outputs, where, outputOf(program)), output, 'latin1');
}
for (const { name, failure } of verdicts) if (failure) console.log(`FAILED ${name}: ${failure}`);

if (!names && architectures.length === Object.keys(ARCHITECTURES).length) {
  const text = `# QEMU's tests/tcg

The i386 and x86_64 programs of tests/tcg of QEMU ${qemu.version}, built with its own Makefiles, in a Linux guest with
\`-cpu ${CPU}\` on our CPU and under native QEMU's TCG, and directly on an ${cpus()[0]?.model}. Those of its folders \`system\`
(hello, interrupt, memory) are booted without an operating system. \`npm run conformance\` writes this file.

A program passes when it is content with itself and, where QEMU has a reference, prints that. "Lines other" are lines of
its output that differ from this CPU's. A program that passes elsewhere must pass here, with lines that are each TCG's or
this CPU's, or there is a reason.

| program | here | native TCG | this CPU | reason |
| --- | --- | --- | --- | --- |
${verdicts.map(({ name, here: ours, tcg, cpu, reason }) => `| ${[name, ours, tcg, cpu, reason].join(' | ')} |`).join('\n')}
`;
  writeFileSync(join(repository, 'tests/conformance.md'), await format(text, { parser: 'markdown', printWidth: 120 }));
}
console.log(`outputs: ${outputs}`);
const failed = verdicts.filter(({ failure }) => failure).length;
console.log(`${verdicts.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
