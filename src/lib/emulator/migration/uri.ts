/** Migration URIs as far as every host understands them. Source: QEMU migration/migration.c (migrate_uri_parse). */
import { MigrationError, type MigrationOptions } from './options.ts';

const PROTOCOL = /^(tcp|unix|vsock|fd|exec|file|rdma):/;

/** @throws MigrationError where there is no such protocol, or what is set needs another */
export function checkUri(uri: string, options: MigrationOptions): void {
  const [, protocol] = PROTOCOL.exec(uri) ?? [];
  if (protocol === undefined) throw new MigrationError(`unknown migration protocol: ${uri}`);
  const socket = protocol === 'tcp' || protocol === 'unix' || protocol === 'vsock';
  if (options.has('multifd') && !socket && !(protocol === 'file' && options.has('mapped-ram')))
    throw new MigrationError('Migration requires multi-channel URIs (e.g. tcp)');
  if (options.has('mapped-ram') && protocol !== 'file')
    throw new MigrationError('Migration requires seekable transport (e.g. file)');
}
