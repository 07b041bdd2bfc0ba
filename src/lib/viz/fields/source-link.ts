/** Where a source that a field names can be read. */

/** QEMU's release that has a machine type: `pc-i440fx-7.2` is `v7.2.0`. */
function releaseOf(machine: string | undefined): string {
  const version = /-(\d+)\.(\d+)$/.exec(machine ?? '');
  return version ? `v${version[1]}.${version[2]}.0` : 'master';
}

/**
 * The address of a file of QEMU; undefined for manuals.
 * @param source `hw/timer/i8254.c`, with or without a function behind it
 */
export function sourceAddress(source: string, machine: string | undefined): string | undefined {
  const path = /^(?:QEMU )?((?:[\w.-]+\/)+[\w.-]+\.(?:[ch](?:\.inc)?|rst|py|json))\b/.exec(source)?.[1];
  return path && `https://gitlab.com/qemu-project/qemu/-/blob/${releaseOf(machine)}/${path}`;
}
