/** Kernels of tests/native, and what native QEMU makes of a kernel. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { qemus, type Qemu } from '../../scripts/qemu/qemu.mjs';
import { built } from './built.ts';

const SOURCE = fileURLToPath(new URL('../native/bootinfo.c', import.meta.url));

/** Why there are none here, undefined where there are. */
export const noKernels: string | undefined =
  spawnSync('gcc', ['--version']).status === 0 ? undefined : 'needs gcc: apt-get install gcc';

/** Path of tests/native/bootinfo.c as an ELF file: for a multiboot loader, or with a PVH note. */
export function bootInfoKernel(kind: 'multiboot' | 'pvh'): string {
  const target = '-m32 -march=i686 -O1 -ffreestanding -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables';
  const link =
    '-nostdlib -static -Wl,-Ttext=0x101000 -Wl,--section-start=.multiboot=0x100000 -Wl,--section-start=.note.pvh=0x100000 -Wl,-e,start -Wl,-N';
  const flags = [...target.split(' '), ...link.split(' '), '-Wl,--build-id=none'];
  const define = kind === 'multiboot' ? ['-DMULTIBOOT'] : [];
  return built(`bootinfo-${kind}`, (path) => {
    const { status, stderr } = spawnSync('gcc', [...flags, ...define, SOURCE, '-o', path], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`gcc did not build ${SOURCE}:\n${stderr}`);
  });
}

/** The newest native QEMU whose package has the option ROMs; undefined where there is none. */
export const romQemu: Qemu | undefined = qemus().findLast(({ suite }) => suite !== 'sid');

/** Runs a guest in native QEMU to its end: what it said on port 0xe9, and its exit status. */
export function runNative({ argv, firmwareArgs }: Qemu, words: readonly string[]): { text: string; status: number } {
  const [program, ...before] = argv;
  const fixed = ['-display', 'none', '-serial', 'null', '-monitor', 'null', '-debugcon', 'stdio'];
  const exit = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'];
  const all = [...before, ...firmwareArgs, ...fixed, ...exit, ...words];
  const { status, stdout, stderr } = spawnSync(program!, all, { encoding: 'latin1', timeout: 60_000 });
  if (status === null) throw new Error(`native QEMU: ${stderr}`);
  return { text: stdout, status };
}
