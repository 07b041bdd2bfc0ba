/** Memory that is not in the main stream: files beside it bring it, or a note says which blocks lack it and why. */
import { addMappedRam, addSharedRam, tooManyFiles } from './mapped-ram.ts';
import type { Problems } from './problem.ts';
import { MAX_SOURCES, type RamIndex } from './ram-index.ts';
import { RamReader, type RamContext } from './ram.ts';
import { sequential, type ByteSource } from './source.ts';
import { StreamWindow, type Yield } from './stream-window.ts';

export interface NamedSource {
  readonly name: string;
  readonly source: ByteSource;
}

/** The pages of a mapped-ram file, where the file can be read at random. */
export async function addMappedFile(
  file: ByteSource | undefined,
  ram: RamIndex,
  problems: Problems,
  context: RamContext,
  yieldTo: Yield
): Promise<void> {
  if (!context.mappedRam) return;
  if (file) return addMappedRam(file, ram, problems, context.streamOffset, yieldTo);
  problems.add({
    code: 'mapped-ram-compressed',
    severity: 'warning',
    section: 'ram/0',
    at: 0,
    message:
      'the pages of a mapped-ram file lie at fixed places of the file: compressed or in a pipe, they cannot be reached',
    hint: 'Open the file itself, decompressed.'
  });
}

/** Files that may be the memory that x-ignore-shared left out: each goes to the first block of its size that lacks any. */
export async function addRamFiles(
  files: readonly NamedSource[],
  ram: RamIndex,
  problems: Problems,
  yieldTo: Yield
): Promise<void> {
  for (const { name, source } of files) {
    const [block, ...others] = ram.blocks.filter((b) => b.usedLength === source.size && ram.sentOf(b) === 0);
    if (block && others.length > 0) {
      const names = [block, ...others].slice(0, 10).map((b) => b.idstr);
      const message = `${name} has the size of ${names.join(', ')}: it is taken for ${block.idstr}`;
      const hint = 'Nothing in such files says which is whose: they are taken in the order in which they are opened.';
      problems.add({
        code: 'ram-file-guessed',
        severity: 'warning',
        path: block.idstr,
        at: block.start,
        message,
        hint
      });
    }
    if (block) await addSharedRam(source, block, ram, problems, yieldTo);
    else {
      const message = `no RAM block of ${source.size} bytes lacks its contents: ${name} is not used`;
      problems.add({ code: 'ram-file-unused', severity: 'warning', at: 0, message });
    }
  }
}

/** The second channel of postcopy-preempt: page records up to EOS, without a section around them. */
export async function addPreempt(
  source: ByteSource,
  ram: RamIndex,
  problems: Problems,
  context: RamContext,
  contents: (record: number) => Promise<Uint8Array>,
  yieldTo: Yield
): Promise<void> {
  if (ram.sources.length > MAX_SOURCES) return tooManyFiles('the preempt channel', problems);
  const index = ram.sources.push(source) - 1;
  const window = new StreamWindow(sequential(source), source);
  const reader = new RamReader(window, ram, problems, context, false, contents, index);
  while (await window.need(1)) if ((await reader.read([], yieldTo)) !== 'eos') break;
  if (reader.failure) problems.add({ ...reader.failure, severity: 'warning', section: 'ram/0' });
  window.release();
}

/**
 * Names the blocks whose memory a whole stream does not hold. A page that never came reads as zeros, which must not be
 * taken for what the guest had.
 */
export function noteMissingPages(ram: RamIndex, problems: Problems, context: RamContext, multifd: boolean): void {
  // In a mapped-ram file a page that was never written is zero: nothing is missing.
  if (context.mappedRam || ram.distinctPages === ram.pages) return;
  for (const block of ram.blocks) {
    const missing = block.pages - ram.sentOf(block);
    if (missing === 0) continue;
    const [why, hint] = context.ignoreShared
      ? ['x-ignore-shared left shared memory in its file', 'Open the memory backend’s file together with the stream.']
      : multifd
        ? ['multifd channels carried pages', 'Open the captures of the channels together with the stream.']
        : ['this stream does not say why', 'multifd channels, CPR or a preempt channel may have carried them.'];
    problems.add({
      code: 'ram-not-in-stream',
      severity: 'note',
      section: 'ram/0',
      path: block.idstr,
      at: block.start,
      message: `${missing} of ${block.pages} pages of ${block.idstr} are not in this stream: ${why}`,
      hint
    });
  }
}
