/**
 * QEMU's command line as a machine's configuration. An option that we lack is an error that names it, never ignored.
 * Source: QEMU system/vl.c, qemu-options.hx.
 */
import { properties, sizeOf, type Properties } from '../../vmstate/command-line.ts';
import { chardevSpec, portSpec, shareMuxes, type PortSpec } from './char-options.ts';
import { checkProperties, flagOf, numberOf, OptionError, type Known } from './qemu-option.ts';

/** -drive and -blockdev: an image, and what it is plugged into. */
export interface DriveSpec {
  readonly id: string;
  /** Undefined: an empty drive. */
  readonly file: string | undefined;
  /** `raw`, `qcow2`; undefined: told from the image. */
  readonly format: string | undefined;
  readonly interface: 'none' | 'ide' | 'virtio' | 'floppy';
  readonly media: 'disk' | 'cdrom';
  readonly index: number | undefined;
  readonly readonly: boolean;
  /** Writes go nowhere but to memory. */
  readonly snapshot: boolean;
}
/** -device, -object: driver, id and properties. */
export interface DeviceSpec {
  readonly driver: string;
  readonly id: string | undefined;
  readonly properties: Properties;
}

export interface MachineOptions {
  machine: string;
  machineProperties: Properties;
  /** Bytes; undefined without -m. */
  memory: number | undefined;
  cpu: string;
  cpus: number;
  nographic: boolean;
  nodefaults: boolean;
  display: string | undefined;
  vga: string | undefined;
  serials: PortSpec[];
  parallels: PortSpec[];
  monitors: PortSpec[];
  qmps: PortSpec[];
  chardevs: Map<string, PortSpec>;
  debugcon: PortSpec | undefined;
  kernel: string | undefined;
  initrd: string | undefined;
  append: string;
  bios: string | undefined;
  firmwarePaths: string[];
  drives: DriveSpec[];
  devices: DeviceSpec[];
  objects: DeviceSpec[];
  globals: Properties[];
  /** The card that comes by itself is there. */
  network: boolean;
  nics: DeviceSpec[];
  netdevs: DeviceSpec[];
  name: string | undefined;
  uuid: string | undefined;
  rtc: Properties;
  boot: Properties;
  /** -icount: shift, undefined without the option. */
  icount: Properties | undefined;
  /** -S */
  paused: boolean;
  noReboot: boolean;
  noShutdown: boolean;
  snapshot: boolean;
  incoming: string[];
  fwCfg: Properties[];
}

/** What `qemu-system-x86_64` without options is. */
export const defaultOptions = (): MachineOptions => ({
  ...{ machine: 'pc', machineProperties: new Map(), memory: undefined, cpu: 'qemu64', cpus: 1 },
  ...{ nographic: false, nodefaults: false, display: undefined, vga: undefined },
  ...{ serials: [], parallels: [], monitors: [], qmps: [], chardevs: new Map(), debugcon: undefined },
  ...{ kernel: undefined, initrd: undefined, append: '', bios: undefined, firmwarePaths: [] },
  ...{ drives: [], devices: [], objects: [], globals: [], network: true, nics: [], netdevs: [] },
  ...{ name: undefined, uuid: undefined, rtc: new Map(), boot: new Map(), icount: undefined },
  ...{ paused: false, noReboot: false, noShutdown: false, snapshot: false, incoming: [], fwCfg: [] }
});

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
/** Takes a list that nobody interprets yet but that changes nothing here. */
const accepted = (): void => {};

function memoryOf(value: string): number {
  const list = properties(value, 'size');
  checkProperties('-m', list, { size: 'any', slots: ['0'], maxmem: 'any' });
  const bytes = sizeOf(list.get('size'));
  if (bytes === undefined || bytes < 2 ** 20 || bytes > 2 ** 40)
    throw new OptionError(`-m ${value}: a size from 1M on is wanted, such as 512 or 1G`);
  if (list.has('maxmem') && sizeOf(list.get('maxmem')) !== bytes)
    throw new OptionError(`-m ${value}: memory that is plugged in later is not supported`);
  return Math.ceil(bytes / 8192) * 8192;
}

const TOPOLOGY = ['sockets', 'dies', 'clusters', 'modules', 'cores', 'threads'];

/** Without `cpus=` it is what the topology has room for. Source: hw/core/machine-smp.c machine_parse_smp_config. */
function cpusOf(value: string): number {
  const list = properties(value, 'cpus');
  checkProperties('-smp', list, Object.fromEntries(['cpus', 'maxcpus', ...TOPOLOGY].map((name) => [name, 'any'])));
  const number = (name: string): number => numberOf('-smp', list, name, 1, 2 ** 32);
  const room = TOPOLOGY.reduce((product, name) => product * number(name), 1);
  if (room !== 1 || number('cpus') !== 1 || number('maxcpus') !== 1)
    throw new OptionError(`-smp ${value}: one CPU is supported`);
  return 1;
}

const INTERFACES = ['none', 'ide', 'virtio', 'floppy'] as const;
/** How the host does it changes nothing for a guest here. */
const HOST_SIDE: Known = {
  aio: ['threads', 'native', 'io_uring'],
  discard: ['ignore', 'unmap', 'on', 'off'],
  'detect-zeroes': ['on', 'off', 'unmap']
};
const DRIVE: Known = {
  ...{ file: 'any', if: 'any', media: 'any', index: 'any', bus: 'any', unit: 'any', id: 'any', format: 'any' },
  ...{ readonly: 'flag', snapshot: 'flag', werror: ['enospc', 'report'], rerror: ['report'] },
  cache: ['none', 'writeback', 'unsafe', 'directsync', 'writethrough'],
  ...HOST_SIDE
};
const BLOCKDEV: Known = {
  ...{ driver: 'any', 'node-name': 'any', filename: 'any', file: 'any', 'read-only': 'flag', 'auto-read-only': 'flag' },
  ...{ 'file.driver': ['file'], 'file.filename': 'any', 'file.node-name': 'any', 'cache.direct': 'flag' },
  ...{ 'cache.no-flush': 'flag', locking: ['on', 'off', 'auto'] },
  ...HOST_SIDE
};
const MAX_INDEX = 255;

/** -drive: a bare file name is a disk at the next place of its interface. */
function drive(options: MachineOptions, value: string, defaults: Partial<DriveSpec> = {}): void {
  const list = properties(value, 'file');
  checkProperties('-drive', list, DRIVE);
  const number = (key: string): number => numberOf('-drive', list, key, 0, MAX_INDEX);
  const name = list.get('if') ?? defaults.interface ?? 'ide';
  const kind = INTERFACES.find((i) => i === name);
  if (!kind) throw new OptionError(`-drive if=${name} is not supported; there are: ${INTERFACES.join(', ')}`);
  const media = list.get('media') ?? defaults.media ?? 'disk';
  if (media !== 'disk' && media !== 'cdrom') throw new OptionError(`-drive: '${media}' invalid media`);
  const index = list.has('index')
    ? number('index')
    : list.has('bus') || list.has('unit')
      ? number('bus') * (kind === 'ide' ? 2 : 1) + number('unit')
      : defaults.index;
  options.drives.push({
    id: list.get('id') ?? `${kind}${options.drives.length}`,
    file: list.get('file'),
    format: list.get('format'),
    interface: kind,
    media,
    index,
    readonly: flagOf('-drive', list, 'readonly', media === 'cdrom'),
    snapshot: flagOf('-drive', list, 'snapshot', false)
  });
}

/** -blockdev: a file, or a format over a file that is named or nested. */
function blockdev(options: MachineOptions, value: string): void {
  const list = properties(value, 'driver');
  checkProperties('-blockdev', list, BLOCKDEV);
  const id = list.get('node-name');
  if (id === undefined) throw new OptionError(`-blockdev ${value}: 'node-name' is missing`);
  const driver = list.get('driver');
  if (driver !== 'file' && driver !== 'raw' && driver !== 'qcow2')
    throw new OptionError(`-blockdev: driver '${driver ?? ''}' is not supported; there are: file, raw, qcow2`);
  const below = options.drives.find((d) => d.id === list.get('file'));
  options.drives.push({
    id,
    file: list.get('filename') ?? list.get('file.filename') ?? below?.file,
    format: driver === 'file' ? 'raw' : driver,
    ...{ interface: 'none', media: 'disk', index: undefined, snapshot: false },
    readonly: flagOf('-blockdev', list, 'read-only', below?.readonly ?? false)
  });
}

function deviceSpec(value: string, implied: string): DeviceSpec {
  const list = new Map(properties(value, implied));
  const driver = list.get(implied) ?? '';
  const id = list.get('id');
  list.delete(implied);
  list.delete('id');
  return { driver, id, properties: list };
}

/** Where the host keeps memory, and how, is nothing that a guest or a stream shows. */
const BACKEND: Known = { size: 'any', share: 'flag', prealloc: 'flag', merge: 'flag', dump: 'flag' };
/** Objects that do something here, or whose work is done anyway. */
const OBJECTS: Readonly<Record<string, Known>> = {
  'memory-backend-ram': BACKEND,
  'memory-backend-memfd': { ...BACKEND, seal: 'flag', hugetlb: ['off'] },
  'memory-backend-file': { ...BACKEND, 'mem-path': 'any', align: 'any', 'discard-data': ['off'], readonly: ['off'] },
  'rng-builtin': {},
  'rng-random': { filename: ['/dev/urandom', '/dev/random'] }
};

/** @throws OptionError */
function objectSpec(value: string): DeviceSpec {
  const spec = deviceSpec(value, 'qom-type');
  const known = Object.hasOwn(OBJECTS, spec.driver) ? OBJECTS[spec.driver] : undefined;
  if (!known)
    throw new OptionError(`-object ${spec.driver}: not supported; there are: ${Object.keys(OBJECTS).join(', ')}`);
  if (spec.id === undefined) throw new OptionError(`-object ${spec.driver}: Parameter 'id' is missing`);
  checkProperties(`-object ${spec.driver}`, spec.properties, known);
  return spec;
}

/** Of the network that leads nowhere. */
const USER_NETWORK: Known = { restrict: 'flag', ipv4: ['on'], ipv6: ['off'] };

/** -nic and -netdev: instead of the card that comes by itself. */
function network(options: MachineOptions, option: 'nic' | 'netdev', value: string): void {
  const spec = deviceSpec(value, 'type');
  const kinds = option === 'nic' ? ['none', 'user'] : ['user'];
  if (!kinds.includes(spec.driver))
    throw new OptionError(`-${option} ${spec.driver}: not supported; there is: ${kinds.join(', ')}`);
  options.network = false;
  const card: Known = option === 'nic' ? { model: 'any', mac: 'any', addr: 'any' } : {};
  if (spec.driver !== 'none')
    checkProperties(`-${option} ${spec.driver}`, spec.properties, { ...USER_NETWORK, ...card });
  if (option === 'netdev') {
    if (spec.id === undefined) throw new OptionError(`-netdev ${spec.driver}: Parameter 'id' is missing`);
    options.netdevs.push(spec);
  } else if (spec.driver !== 'none') options.nics.push(spec);
}

interface OptionRow {
  /** Whether a value follows. */
  readonly takes: boolean;
  readonly set: (options: MachineOptions, value: string) => void;
}
const flag = (set: (options: MachineOptions) => void): OptionRow => ({ takes: false, set });
const takes = (set: (options: MachineOptions, value: string) => void): OptionRow => ({ takes: true, set });

/** How translated code is kept and run is QEMU's own affair. */
const ACCEL: Known = {
  ...{ accel: 'any', 'tb-size': 'any', thread: ['single', 'multi'], 'one-insn-per-tb': 'flag', 'split-wx': 'flag' }
};

/** Every option that there is. What QEMU spells in several ways stands several times. */
const OPTIONS: Readonly<Record<string, OptionRow>> = {
  machine: takes((o, v) => {
    const list = properties(v, 'type');
    if (list.has('type')) o.machine = list.get('type')!;
    o.machineProperties = new Map([...o.machineProperties, ...list].filter(([name]) => name !== 'type'));
  }),
  cpu: takes((o, v) => (o.cpu = v)),
  accel: takes((_o, v) => {
    const list = properties(v, 'accel');
    const accel = list.get('accel');
    if (accel !== 'tcg') throw new OptionError(`-accel ${v}: invalid accelerator ${accel}; only tcg is there`);
    checkProperties('-accel tcg', list, ACCEL);
  }),
  smp: takes((o, v) => (o.cpus = cpusOf(v))),
  m: takes((o, v) => (o.memory = memoryOf(v))),
  nographic: flag((o) => (o.nographic = true)),
  nodefaults: flag((o) => (o.nodefaults = true)),
  'no-user-config': flag(accepted),
  display: takes((o, v) => {
    if (v !== 'none') throw new OptionError(`-display ${v} is not supported; there is: none`);
    o.display = v;
  }),
  vga: takes((o, v) => {
    if (v !== 'std' && v !== 'none') throw new OptionError(`-vga ${v} is not supported; there are: std, none`);
    o.vga = v;
  }),
  serial: takes((o, v) => o.serials.push(portSpec('-serial', v))),
  parallel: takes((o, v) => o.parallels.push(portSpec('-parallel', v))),
  monitor: takes((o, v) => o.monitors.push(portSpec('-monitor', v))),
  qmp: takes((o, v) => o.qmps.push(portSpec('-qmp', v))),
  mon: takes((o, v) => {
    const list = properties(v, 'chardev');
    checkProperties('-mon', list, { chardev: 'any', mode: ['readline', 'control'], pretty: ['off'], id: 'any' });
    const spec: PortSpec = { kind: 'id', id: list.get('chardev') ?? '' };
    (list.get('mode') === 'control' ? o.qmps : o.monitors).push(spec);
  }),
  chardev: takes((o, v) => {
    const { id, spec } = chardevSpec(v);
    if (o.chardevs.has(id)) throw new OptionError(`-chardev ${v}: Duplicate ID '${id}' for chardev`);
    o.chardevs.set(id, spec);
  }),
  debugcon: takes((o, v) => (o.debugcon = portSpec('-debugcon', v))),
  kernel: takes((o, v) => (o.kernel = v)),
  initrd: takes((o, v) => (o.initrd = v)),
  append: takes((o, v) => (o.append = v)),
  bios: takes((o, v) => (o.bios = v)),
  L: takes((o, v) => o.firmwarePaths.push(v)),
  drive: takes(drive),
  blockdev: takes(blockdev),
  hda: takes((o, v) => drive(o, `file=${v.replaceAll(',', ',,')}`, { interface: 'ide', index: 0 })),
  hdb: takes((o, v) => drive(o, `file=${v.replaceAll(',', ',,')}`, { interface: 'ide', index: 1 })),
  hdc: takes((o, v) => drive(o, `file=${v.replaceAll(',', ',,')}`, { interface: 'ide', index: 2 })),
  hdd: takes((o, v) => drive(o, `file=${v.replaceAll(',', ',,')}`, { interface: 'ide', index: 3 })),
  cdrom: takes((o, v) => drive(o, `file=${v.replaceAll(',', ',,')},media=cdrom`, { interface: 'ide', index: 2 })),
  fda: takes((o, v) => drive(o, `file=${v.replaceAll(',', ',,')}`, { interface: 'floppy', index: 0 })),
  fdb: takes((o, v) => drive(o, `file=${v.replaceAll(',', ',,')}`, { interface: 'floppy', index: 1 })),
  device: takes((o, v) => o.devices.push(deviceSpec(v, 'driver'))),
  object: takes((o, v) => o.objects.push(objectSpec(v))),
  numa: takes((o, v) => {
    const list = properties(v, 'type');
    checkProperties('-numa', list, { type: 'any', memdev: 'any', nodeid: ['0'], cpus: ['0'] });
    if (list.get('type') !== 'node' || !list.has('memdev'))
      throw new OptionError(`-numa ${v}: only one node with memdev= is supported`);
    o.machineProperties = new Map([...o.machineProperties, ['memory-backend', list.get('memdev') ?? '']]);
  }),
  global: takes((o, v) => {
    const [, driver, property, value] = /^([^.=]+)\.([^=]+)=(.*)$/.exec(v) ?? [];
    if (value === undefined) throw new OptionError(`-global ${v}: DRIVER.PROPERTY=VALUE is wanted`);
    o.globals.push(new Map(Object.entries({ driver: driver!, property: property!, value })));
  }),
  nic: takes((o, v) => network(o, 'nic', v)),
  netdev: takes((o, v) => network(o, 'netdev', v)),
  net: takes((o, v) => {
    if (v !== 'none') throw new OptionError(`-net ${v} is not supported: -net none, -nic and -netdev are`);
    o.network = false;
  }),
  name: takes((o, v) => {
    const list = properties(v, 'guest');
    checkProperties('-name', list, { guest: 'any', process: 'any', 'debug-threads': 'flag' });
    o.name = list.get('guest');
  }),
  uuid: takes((o, v) => {
    if (!UUID.test(v)) throw new OptionError(`-uuid ${v}: failed to parse UUID string: wrong format`);
    o.uuid = v;
  }),
  rtc: takes((o, v) => {
    const list = properties(v, 'base');
    checkProperties('-rtc', list, { base: 'any', clock: 'any', driftfix: 'any' });
    o.rtc = list;
  }),
  boot: takes((o, v) => (o.boot = properties(v, 'order'))),
  icount: takes((o, v) => (o.icount = properties(v, 'shift'))),
  S: flag((o) => (o.paused = true)),
  'no-reboot': flag((o) => (o.noReboot = true)),
  'no-shutdown': flag((o) => (o.noShutdown = true)),
  snapshot: flag((o) => (o.snapshot = true)),
  'no-hpet': flag((o) => (o.machineProperties = new Map([...o.machineProperties, ['hpet', 'off']]))),
  'no-acpi': flag((o) => (o.machineProperties = new Map([...o.machineProperties, ['acpi', 'off']]))),
  incoming: takes((o, v) => o.incoming.push(v)),
  fw_cfg: takes((o, v) => o.fwCfg.push(properties(v, 'name'))),
  'only-migratable': flag(accepted)
};
const ALIASES: Readonly<Record<string, string>> = { M: 'machine' };

/**
 * Takes a command line apart. A word that is no option is the first disk, as in QEMU.
 * @throws OptionError
 */
export function parseOptions(words: readonly string[]): MachineOptions {
  const options = defaultOptions();
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const [, name] = /^--?(.+)$/.exec(word) ?? [];
    if (name === undefined) {
      drive(options, `file=${word.replaceAll(',', ',,')}`, { interface: 'ide', index: 0 });
      continue;
    }
    const key = ALIASES[name] ?? name;
    const row = Object.hasOwn(OPTIONS, key) ? OPTIONS[key] : undefined;
    if (!row) throw new OptionError(`${word}: invalid option`);
    if (row.takes && i + 1 >= words.length) throw new OptionError(`${word}: requires an argument`);
    row.set(options, row.takes ? words[++i]! : '');
  }
  shareMuxes(options);
  return options;
}

/** Every option's name, for the help. */
export const optionNames = (): readonly string[] => Object.keys(OPTIONS);
