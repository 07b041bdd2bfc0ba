/**
 * QEMU's command line as a machine's configuration. An option that we lack is an error that names it, never ignored.
 * Source: QEMU system/vl.c, qemu-options.hx.
 */
import { isOn, properties, sizeOf, type Properties } from '../../vmstate/command-line.ts';

/** Wrong or unsupported options; the message is what QEMU's would say in substance. */
export class OptionError extends Error {}

/** Where a serial port, a monitor or QMP goes. */
export type ChardevSpec =
  | { readonly kind: 'stdio' | 'null' | 'none' | 'vc' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'unix'; readonly path: string; readonly server: boolean; readonly wait: boolean }
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      readonly server: boolean;
      readonly wait: boolean;
    }
  /** A -chardev by its id. */
  | { readonly kind: 'id'; readonly id: string };
/** `mon:` puts a monitor on the same wire, reached by Ctrl+A c. */
export type PortSpec = ChardevSpec & { readonly mux?: boolean };

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
  /** Bytes. */
  memory: number;
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
  chardevs: Map<string, ChardevSpec>;
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
  ...{ machine: 'pc', machineProperties: new Map(), memory: 128 * 2 ** 20, cpu: 'qemu64', cpus: 1 },
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
  only('-m', list, ['size', 'slots', 'maxmem']);
  const bytes = sizeOf(list.get('size'));
  if (bytes === undefined || bytes < 2 ** 20 || bytes > 2 ** 40)
    throw new OptionError(`-m ${value}: a size from 1M on is wanted, such as 512 or 1G`);
  return Math.ceil(bytes / 8192) * 8192;
}

/** @throws OptionError for a property that is not in the list */
function only(option: string, list: Properties, known: readonly string[]): void {
  for (const name of list.keys()) {
    if (!known.includes(name)) throw new OptionError(`${option}: Invalid parameter '${name}'`);
  }
}

const flagOf = (option: string, list: Properties, name: string, otherwise: boolean): boolean => {
  const text = list.get(name);
  if (text === undefined) return otherwise;
  const on = isOn(text);
  if (on === undefined) throw new OptionError(`${option}: Parameter '${name}' expects 'on' or 'off'`);
  return on;
};

const cpusOf = (value: string): number => {
  const list = properties(value, 'cpus');
  only('-smp', list, ['cpus', 'maxcpus', 'sockets', 'dies', 'clusters', 'modules', 'cores', 'threads']);
  const cpus = Number(list.get('cpus') ?? 1);
  if (cpus !== 1) throw new OptionError(`-smp ${value}: one CPU is supported`);
  return cpus;
};

/** `stdio`, `mon:stdio`, `file:PATH`, `unix:PATH,server=on,wait=off`, `tcp:HOST:PORT,…`, `chardev:ID`. */
export function portSpec(option: string, value: string): PortSpec {
  if (value.startsWith('mon:')) return { ...portSpec(option, value.slice(4)), mux: true };
  if (value === 'stdio' || value === 'null' || value === 'none' || value === 'vc' || value.startsWith('vc:'))
    return { kind: value.startsWith('vc') ? 'vc' : (value as 'stdio') };
  const [, scheme, rest] = /^(file|unix|tcp|telnet|chardev|udp|pty|pipe):?(.*)$/s.exec(value) ?? [];
  if (scheme === 'file') return { kind: 'file', path: rest! };
  if (scheme === 'chardev') return { kind: 'id', id: rest! };
  if (scheme !== 'unix' && scheme !== 'tcp') throw new OptionError(`${option} ${value}: '${value}' is not supported`);
  const list = properties(rest!, 'address');
  only(option, list, ['address', 'server', 'wait', 'nowait', 'nodelay']);
  const server = flagOf(option, list, 'server', false);
  const wait = server && flagOf(option, list, 'wait', !isOn(list.get('nowait')));
  return socket(option, scheme, list.get('address') ?? '', server, wait);
}

function socket(option: string, kind: 'unix' | 'tcp', address: string, server: boolean, wait: boolean): ChardevSpec {
  if (kind === 'unix') {
    if (address === '') throw new OptionError(`${option}: a socket path is missing`);
    return { kind, path: address, server, wait };
  }
  const [, host, port] = /^(.*):(\d{1,5})$/.exec(address) ?? [];
  if (port === undefined || Number(port) > 65535) throw new OptionError(`${option}: 'tcp:${address}' is no HOST:PORT`);
  return { kind, host: host!.replace(/^\[(.*)\]$/, '$1'), port: Number(port), server, wait };
}

/** -chardev BACKEND,id=ID,… */
function chardev(options: MachineOptions, value: string): void {
  const list = properties(value, 'backend');
  const id = list.get('id');
  if (id === undefined) throw new OptionError(`-chardev ${value}: Parameter 'id' is missing`);
  const backend = list.get('backend');
  const server = flagOf('-chardev', list, 'server', false);
  const wait = server && flagOf('-chardev', list, 'wait', true);
  if (backend === 'stdio' || backend === 'null') options.chardevs.set(id, { kind: backend });
  else if (backend === 'file') options.chardevs.set(id, { kind: 'file', path: list.get('path') ?? '' });
  else if (backend === 'socket' && list.has('path'))
    options.chardevs.set(id, socket('-chardev', 'unix', list.get('path')!, server, wait));
  else if (backend === 'socket') {
    const address = `${list.get('host') ?? '127.0.0.1'}:${list.get('port') ?? ''}`;
    options.chardevs.set(id, socket('-chardev', 'tcp', address, server, wait));
  } else throw new OptionError(`-chardev ${value}: backend '${backend ?? ''}' is not supported`);
}

const INTERFACES = ['none', 'ide', 'virtio', 'floppy'] as const;
const DRIVE_KEYS =
  'file if media index bus unit id format readonly snapshot cache aio discard detect-zeroes werror rerror'.split(' ');

/** -drive: a bare file name is a disk at the next place of its interface. */
function drive(options: MachineOptions, value: string, defaults: Partial<DriveSpec> = {}): void {
  const list = properties(value, 'file');
  only('-drive', list, DRIVE_KEYS);
  const name = list.get('if') ?? defaults.interface ?? 'ide';
  const kind = INTERFACES.find((i) => i === name);
  if (!kind) throw new OptionError(`-drive if=${name} is not supported; there are: ${INTERFACES.join(', ')}`);
  const media = list.get('media') ?? defaults.media ?? 'disk';
  if (media !== 'disk' && media !== 'cdrom') throw new OptionError(`-drive: '${media}' invalid media`);
  const index = list.has('index')
    ? Number(list.get('index'))
    : list.has('bus') || list.has('unit')
      ? Number(list.get('bus') ?? 0) * (kind === 'ide' ? 2 : 1) + Number(list.get('unit') ?? 0)
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

/** -nic and -netdev: instead of the card that comes by itself. */
function network(options: MachineOptions, option: 'nic' | 'netdev', value: string): void {
  const spec = deviceSpec(value, 'type');
  const kinds = option === 'nic' ? ['none', 'user'] : ['user'];
  if (!kinds.includes(spec.driver))
    throw new OptionError(`-${option} ${spec.driver}: not supported; there is: ${kinds.join(', ')}`);
  options.network = false;
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

/** Every option that there is. What QEMU spells in several ways stands several times. */
const OPTIONS: Readonly<Record<string, OptionRow>> = {
  machine: takes((o, v) => {
    const list = properties(v, 'type');
    if (list.has('type')) o.machine = list.get('type')!;
    o.machineProperties = new Map([...o.machineProperties, ...list].filter(([name]) => name !== 'type'));
  }),
  cpu: takes((o, v) => (o.cpu = v)),
  accel: takes((_o, v) => {
    const accel = properties(v, 'accel').get('accel');
    if (accel !== 'tcg') throw new OptionError(`-accel ${v}: invalid accelerator ${accel}; only tcg is there`);
  }),
  smp: takes((o, v) => (o.cpus = cpusOf(v))),
  m: takes((o, v) => (o.memory = memoryOf(v))),
  nographic: flag((o) => (o.nographic = true)),
  nodefaults: flag((o) => (o.nodefaults = true)),
  'no-user-config': flag(accepted),
  display: takes((o, v) => (o.display = v)),
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
    const spec: PortSpec = { kind: 'id', id: list.get('chardev') ?? '' };
    (list.get('mode') === 'control' ? o.qmps : o.monitors).push(spec);
  }),
  chardev: takes(chardev),
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
  object: takes((o, v) => o.objects.push(deviceSpec(v, 'qom-type'))),
  numa: takes((o, v) => {
    const list = properties(v, 'type');
    if (list.get('type') !== 'node') throw new OptionError(`-numa ${v}: only one node with memdev= is supported`);
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
  name: takes((o, v) => (o.name = properties(v, 'guest').get('guest'))),
  uuid: takes((o, v) => {
    if (!UUID.test(v)) throw new OptionError(`-uuid ${v}: failed to parse UUID string: wrong format`);
    o.uuid = v;
  }),
  rtc: takes((o, v) => {
    const list = properties(v, 'base');
    only('-rtc', list, ['base', 'clock', 'driftfix']);
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
  return options;
}

/** Every option's name, for the help. */
export const optionNames = (): readonly string[] => Object.keys(OPTIONS);
