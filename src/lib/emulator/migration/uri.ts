/** Migration URIs as far as every host understands them. Source: QEMU migration/migration.c. */
import { MigrationError, type MigrationOptions } from './options.ts';

const PROTOCOL = /^(tcp|unix|vsock|fd|exec|file|rdma):(.*)$/s;

/** Source: QEMU util/qemu-sockets.c (inet_parse), migration/migration.c (migrate_uri_parse). */
function wrongAddress(protocol: string, rest: string): string | undefined {
  if (protocol === 'unix' && rest === '') return 'invalid Unix socket address';
  if (protocol !== 'tcp') return undefined;
  const [address = ''] = rest.split(',');
  if (address.startsWith('['))
    return /^\[.+?\]:./.test(address) ? undefined : `error parsing IPv6 address '${address}'`;
  return /^[^:]*:./.test(address) ? undefined : `error parsing address '${address}'`;
}

/** @throws MigrationError where there is no such protocol, or what is set needs another */
export function checkUri(uri: string, options: MigrationOptions): void {
  const [, protocol, rest = ''] = PROTOCOL.exec(uri) ?? [];
  if (protocol === undefined) throw new MigrationError(`unknown migration protocol: ${uri}`);
  const wrong = wrongAddress(protocol, rest);
  if (wrong !== undefined) throw new MigrationError(wrong);
  const socket = protocol === 'tcp' || protocol === 'unix' || protocol === 'vsock';
  if (options.has('multifd') && !socket && !(protocol === 'file' && options.has('mapped-ram')))
    throw new MigrationError('Migration requires multi-channel URIs (e.g. tcp)');
  if (options.has('mapped-ram') && protocol !== 'file')
    throw new MigrationError('Migration requires seekable transport (e.g. file)');
}
