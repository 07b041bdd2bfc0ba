/** Files and pipes as the byte sources of `vmstate`. Node only. */
import { createReadStream, fstatSync, openSync, read as readFd, type Stats } from 'node:fs';
import { promisify } from 'node:util';
import { fromChunks, type ByteSource, type ByteStream } from '../lib/vmstate/source.ts';

/** An input that cannot be opened: its message is for the person who named it. */
export class InputError extends Error {}

const read = promisify(readFd);

/** A regular file or block device behind an open descriptor, read where asked; the descriptor stays the caller's. */
export function fileSource(fd: number, size = fstatSync(fd).size): ByteSource {
  return {
    size,
    async read(at, target) {
      let n = 0;
      while (n < target.length) {
        const { bytesRead } = await read(fd, target, n, target.length - n, at + n);
        if (bytesRead === 0) break;
        n += bytesRead;
      }
      return n;
    }
  };
}

const kinds: readonly (readonly [test: (s: Stats) => boolean, name: string])[] = [
  [(s) => s.isDirectory(), 'a directory'],
  [(s) => s.isSocket(), 'a socket'],
  [(s) => s.isCharacterDevice(), 'a character device']
];

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read',
  ENXIO: 'it is a socket or a device without a driver',
  ENOTDIR: 'a part of its path is no directory',
  ELOOP: 'its links go round in circles',
  ENAMETOOLONG: 'its name is too long',
  EISDIR: 'it is a directory'
};

/**
 * Opens what a person named: a file, a named pipe, or `-` for standard input.
 * @throws InputError for what cannot be read as a stream of bytes
 */
export function openInput(path: string): ByteSource | ByteStream {
  if (path === '-') return fromChunks(process.stdin);
  try {
    // Non-blocking would make a pipe look empty before its writer comes: a pipe is read as a stream.
    const fd = openSync(path, 'r');
    const stats = fstatSync(fd);
    const wrong = kinds.find(([test]) => test(stats));
    if (wrong) throw new InputError(`cannot read ${path}: it is ${wrong[1]}, not a file`);
    return stats.isFIFO() ? fromChunks(createReadStream('', { fd })) : fileSource(fd, stats.size);
  } catch (error) {
    if (error instanceof InputError) throw error;
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new InputError(`cannot read ${path}: ${reasons[code] ?? message}`);
  }
}
