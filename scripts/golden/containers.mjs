// The same stream wrapped as people keep it: compressed, or behind libvirt's save header.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { runOf } from '../qemu/qemu.mjs';

/**
 * The header of `virsh save` (virQEMUSaveHeader in libvirt's src/qemu/qemu_saveimage.h): magic, five 32-bit words in
 * the host's order, 14 unused ones, then the domain's XML with its NUL.
 * @param {Buffer} stream already compressed as `format` says
 * @param {number} format 0 raw, 1 gzip (virQEMUSaveFormat)
 */
function libvirtSave(stream, format) {
  const xml = Buffer.from(`<domain type='qemu'>
  <name>example</name>
  <uuid>01234567-89ab-cdef-0123-456789abcdef</uuid>
  <memory unit='KiB'>65536</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
</domain>
\0`);
  const cookie = Buffer.from("<cookie>\n  <cpu mode='custom' match='exact' check='full'/>\n</cookie>\n\0");
  const header = Buffer.alloc(16 + 4 * 19);
  header.write('LibvirtQemudSave', 'latin1');
  const [version, wasRunning] = [2, 0];
  const words = [version, xml.length + cookie.length, wasRunning, format, xml.length];
  words.forEach((word, index) => header.writeUInt32LE(word, 16 + index * 4));
  return Buffer.concat([header, xml, cookie, stream]);
}

/** @typedef {{ name: string, of: string, wrap: (stream: Buffer, suite: string) => Buffer | string }} Container */

/** @param {string} suite @param {string} program @returns {(stream: Buffer) => Buffer} */
const filter = (suite, program) => (stream) =>
  /** @type {Buffer} */ (runOf(suite, program, ['-c'], { input: stream, maxBuffer: 1 << 30 }));

/** Each made from another scenario's stream; `state` is the wrapped file. @type {readonly Container[]} */
export const containers = [
  { name: 'gzip', of: 'pc', wrap: (stream) => gzipSync(stream) },
  { name: 'zstd', of: 'pc', wrap: (stream, suite) => filter(suite, 'usr/bin/zstd')(stream) },
  { name: 'xz', of: 'pc', wrap: (stream, suite) => filter(suite, 'usr/bin/xz')(stream) },
  { name: 'libvirt', of: 'pc', wrap: (stream) => libvirtSave(stream, 0) },
  { name: 'libvirt-gzip', of: 'pc', wrap: (stream) => libvirtSave(gzipSync(stream), 1) }
];

/**
 * @param {Container} container
 * @param {string} suite whose tools compress
 * @param {string} source the folder of the stream
 * @param {string} folder
 */
export function wrapStream({ of, wrap }, suite, source, folder) {
  writeFileSync(join(folder, 'state'), wrap(readFileSync(join(source, 'state')), suite));
  return { of };
}
