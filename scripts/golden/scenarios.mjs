// The test streams, one row each: what machine, what happens in it, how it is migrated.

/** The machine of QEMU Wasm's migration example, without its kernel. */
const SEED = ['-m', '512M', '-nic', 'none'];
const SMALL = ['-m', '64M', '-nic', 'none'];

/**
 * @typedef {object} Scenario
 * @property {string} name
 * @property {boolean} [fast] belongs to the corpus CI makes
 * @property {number} [since] the least major QEMU version
 * @property {number} [until] the last major QEMU version
 * @property {readonly string[]} args
 * @property {string} [ready] the text on the serial port to wait for
 * @property {boolean} [live] migrated while it runs
 */

/** @type {readonly Scenario[]} */
export const scenarios = [
  { name: 'pc', fast: true, args: ['-m', '64M'], ready: 'iPXE' },
  { name: 'pc-seed', fast: true, args: [...SEED, '-drive', 'if=virtio,format=raw,file=disk.raw'] },
  { name: 'q35', fast: true, args: ['-M', 'q35', ...SMALL] }
];
