import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fileSource, InputError, openInput } from '../../../src/bridge/file-source.ts';
import type { ByteSource, ByteStream } from '../../../src/lib/vmstate/source.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
  writeFileSync(
    join(folder, 'file'),
    Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff)
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

test('a file is read where asked, short only at its end', async () => {
  const fd = openSync(join(folder, 'file'), 'r');
  const source = fileSource(fd);
  expect(source.size).toBe(1000);
  const target = new Uint8Array(16);
  expect(await source.read(300, target)).toBe(16);
  expect(target[0]).toBe(300 & 0xff);
  expect(await source.read(990, target)).toBe(10);
  expect(await source.read(5000, target)).toBe(0);
  closeSync(fd);
});

test('a named pipe is read in order', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const writing = openSync(pipe, 'r+');
  const input = openInput(pipe) as ByteStream;
  expect('size' in input).toBe(false);
  writeFileSync(writing, 'abc');
  const target = new Uint8Array(8);
  expect(await input.read(target)).toBe(3);
  expect(Buffer.from(target.subarray(0, 3)).toString()).toBe('abc');
  closeSync(writing);
  expect(await input.read(target)).toBe(0);
});

test('what is no file says so', async () => {
  const socket = join(folder, 'socket');
  const server = createServer().listen(socket);
  await new Promise((resolve) => server.once('listening', resolve));
  const message = (path: string): string => {
    try {
      openInput(path);
      return 'opened';
    } catch (error) {
      expect(error).toBeInstanceOf(InputError);
      return (error as Error).message;
    }
  };
  expect(message(folder)).toContain('a directory');
  expect(message(socket)).toContain('socket');
  expect(message(join(folder, 'file', 'x'))).toContain('no directory');
  expect(message('/dev/zero')).toContain('character device');
  expect((openInput(join(folder, 'file')) as ByteSource).size).toBe(1000);
  server.close();
});
