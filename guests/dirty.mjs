// `guests/dirty`, the program that writes memory in a Linux guest, as lines to be typed at its shell.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { repository } from '../scripts/qemu/qemu.mjs';

/** A shell's line and a terminal's take more. */
const PIECE = 800;
const encoded = gzipSync(readFileSync(join(repository, 'guests', 'dirty')), { level: 9 }).toString('base64');

/** They put it into /tmp, and have the shell know `dirty`, `idle` and `fill` as the workload guest's prompt does. */
export const installDirty = [
  ...Array.from(encoded.match(new RegExp(`.{1,${PIECE}}`, 'g')) ?? [], (piece) => `echo ${piece} >> /tmp/dirty.gz64`),
  'base64 -d /tmp/dirty.gz64 | gunzip > /tmp/dirty; chmod +x /tmp/dirty; rm /tmp/dirty.gz64',
  'dirty() { /tmp/dirty "$@"; }; idle() { dirty idle; }; fill() { dirty fill "$@"; }'
];
