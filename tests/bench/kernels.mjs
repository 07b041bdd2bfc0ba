// Builds the bench kernels as a firmware image, and times them in a machine.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../../scripts/stages.mjs';

const cache = resolve(process.env.MIGRASCOPE_CACHE ?? join(root, '.cache'), 'bench');

/** `-ffp-contract=off`: the same sum on every CPU. */
const flags = [
  ...['-std=c11', '-O2', '-ffreestanding', '-fno-pic', '-no-pie', '-mno-red-zone', '-mcmodel=kernel'],
  ...['-fno-stack-protector', '-fno-asynchronous-unwind-tables', '-fcf-protection=none', '-ffp-contract=off'],
  ...['-fno-tree-loop-distribute-patterns', '-fno-tree-vectorize', '-nostdlib', '-static'],
  ...['-Wl,--build-id=none,-z,noexecstack,-z,max-page-size=4096']
];

/** @param {readonly string[]} command */
function must([program = '', ...args]) {
  const { status, error, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program}: ${error?.message ?? stderr}`);
}

/** @returns {string} path of the image, for `-bios` */
export function buildKernels() {
  mkdirSync(cache, { recursive: true });
  const workload = join(root, 'guests/workload');
  const elf = join(cache, 'kernels.elf');
  const image = join(cache, 'kernels.bin');
  const sources = [join(workload, 'boot.S'), join(root, 'tests/bench/kernels/kernels.c')];
  must(['gcc', ...flags, '-T', join(workload, 'workload.ld'), ...sources, '-o', elf]);
  must(['objcopy', '-O', 'binary', elf, image]);
  return image;
}

/** @param {string} image */
export const machineArgs = (image) => [
  ...['-M', 'pc', '-m', '16M', '-vga', 'none', '-nic', 'none', '-display', 'none', '-bios', image],
  ...['-serial', 'stdio', '-monitor', 'none', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4']
];

/**
 * Runs the kernels once.
 * @param {readonly string[]} command
 * @returns {Promise<Map<string, { ms: number, result: string }>>}
 */
export async function timeKernels([program = '', ...args]) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const times = new Map();
  let began = 0;
  for await (const line of createInterface(child.stdout)) {
    const [name, what, result] = line.trim().split(' ');
    if (what === 'begins') began = performance.now();
    else if (what === 'ends') times.set(name, { ms: performance.now() - began, result });
  }
  return times;
}
