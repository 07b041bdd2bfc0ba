/** A file that a machine's disk writes to. Node only. */
import { fdatasync, write as writeFd } from 'node:fs';
import { promisify } from 'node:util';
import type { ByteSink } from '../lib/emulator/block/raw.ts';

const write = promisify(writeFd);
const sync = promisify(fdatasync);

export function fileSink(fd: number): ByteSink {
  return {
    async write(at, bytes) {
      for (let n = 0; n < bytes.length;) {
        const { bytesWritten } = await write(fd, bytes, n, bytes.length - n, at + n);
        n += bytesWritten;
      }
    },
    flush: () => sync(fd)
  };
}
