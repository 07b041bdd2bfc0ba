/**
 * The machine that a QEMU command line would make, as far as loading a state depends on it: which sections and RAM
 * blocks it has under which names. What machines and devices there are is data (`MachineData`), given as an argument.
 */
import {
  commandOptions,
  isOn,
  properties,
  shellWords,
  sizeOf,
  type CommandOption,
  type Properties
} from './command-line.ts';

/** What somebody wants to load the state into. */
export interface Destination {
  readonly machine?: string;
  /** Bytes. */
  readonly memory?: number;
  readonly smp?: number;
  /** A QEMU command line, or a part of it. */
  readonly commandLine?: string;
  readonly qemuVersion?: string;
}

/** A section that a machine has by itself. */
export interface BoardSection {
  readonly name: string;
  /** How many, with instance ids from 0; 0 when these settings leave it out. One when absent. */
  readonly instances?: (plan: Plan) => number;
}

export interface MachineFamily {
  /** Full machine types: `pc-i440fx-7.2`. */
  readonly type: RegExp;
  /** The name that stands for the newest type, and what types begin with: `pc`, `pc-i440fx-`. */
  readonly alias: string;
  readonly prefix: string;
  /** Slots of PCI bus 0 that the board itself fills; empty without PCI. */
  readonly slots: readonly number[];
  /** Name of PCI bus 0; undefined without PCI. */
  readonly bus: string | undefined;
  readonly nic: string;
  readonly sections: readonly BoardSection[];
}

export interface DeviceModel {
  /** Section name behind the device's path; undefined for a device without state. */
  readonly section?: string;
  readonly bus: 'pci' | 'isa' | 'usb' | 'scsi' | 'ide' | 'other';
  /** Further sections with the same path, and, for `plain`, without one. */
  readonly more?: readonly string[];
  readonly plain?: readonly string[];
  /** Has an option ROM block unless romfile is empty. */
  readonly rom?: boolean;
  readonly virtio?: VirtioModel;
}

export interface VirtioModel {
  /** Properties that switch a feature bit, beside those of every virtio device. */
  readonly features?: Readonly<Record<string, number>>;
  /** Queue entries without queue-size=. */
  readonly queueSize?: number;
  /** Interrupt vectors with this many queues, when they follow num-queues, which follows -smp. */
  readonly vectors?: (queues: number) => number;
}

export interface MachineData {
  readonly families: readonly MachineFamily[];
  readonly devices: Readonly<Record<string, DeviceModel>>;
  /** `-vga` and `-nic model=` names to device models. */
  readonly vga: Readonly<Record<string, string>>;
  readonly nics: Readonly<Record<string, string>>;
  /** Highest version_id of each section, by its name without path, over the QEMU versions that are known. */
  readonly versions: Readonly<Record<string, number>>;
}

export interface PlannedDevice {
  readonly model: string;
  readonly data: DeviceModel | undefined;
  /** `0000:00:03.0` */
  readonly path: string | undefined;
  readonly properties: Properties;
}

/** What the destination's command line comes to. Board sections look at it. */
export interface Plan {
  readonly machine: string | undefined;
  readonly family: MachineFamily | undefined;
  /** Of the destination's QEMU: 7.2 is [7, 2]. */
  readonly qemu: readonly [number, number] | undefined;
  readonly machineProperties: Properties;
  /** Undefined when neither given nor a whole command line. */
  readonly memory: number | undefined;
  /** Ids of main memory's backends; none for the machine's own RAM. */
  readonly backends: readonly string[];
  /** Size of every memory backend by its id. */
  readonly objects: ReadonlyMap<string, number | undefined>;
  readonly cpus: number | undefined;
  readonly maxCpus: number | undefined;
  readonly uuid: string | undefined;
  readonly kvm: boolean;
  readonly serials: number;
  readonly parallels: number;
  readonly floppies: boolean;
  /** pflash chips with firmware. */
  readonly flashes: number;
  readonly userNets: number;
  readonly incoming: string | undefined;
  /** `driver.property` of -global. */
  readonly globals: Properties;
  /** Undefined when no command line was given: then devices are not known. */
  readonly devices: readonly PlannedDevice[] | undefined;
  /** Models that are not in the data: they may have taken slots. */
  readonly unknown: readonly string[];
  /** A machine property's boolean. */
  on(property: string, otherwise: boolean): boolean;
}

const pciPath = (slot: number, fn = 0): string => `0000:00:${slot.toString(16).padStart(2, '0')}.${fn}`;

export function planOf(destination: Destination, data: MachineData): Plan {
  const words = shellWords(destination.commandLine ?? '');
  const options = commandOptions(words);
  const given = destination.commandLine !== undefined && words.length > 0;
  const whole = /qemu/.test(words[0] ?? '') && !words[0]!.startsWith('-');
  const qemu = versionOf(destination.qemuVersion);
  const machineProperties = merged(options, ['M', 'machine'], 'type');
  const named = destination.machine ?? machineProperties.get('type') ?? (given ? 'pc' : undefined);
  const machine = resolve(named, qemu, data);
  const family = data.families.find((f) => (machine === undefined ? f.alias === named : f.type.test(machine)));
  const smp = merged(options, ['smp'], 'cpus');
  const m = merged(options, ['m'], 'size');
  const memory = destination.memory ?? sizeOf(m.get('size')) ?? (whole ? 128 * 2 ** 20 : undefined);
  const cpus = destination.smp ?? cpusOf(smp) ?? (given ? 1 : undefined);
  const values = (...names: string[]): string[] => options.filter((o) => names.includes(o.name)).map((o) => o.value);
  const has = (name: string): boolean => options.some((o) => o.name === name);
  const drives = (kind: string): number =>
    values('drive').filter((d) => properties(d, 'file').get('if') === kind).length;
  const bare = has('nodefaults');
  const globals = new Map(values('global').map((g): [string, string] => split(g)));
  const serials = ports(values('serial'), bare);
  const plan: Omit<Plan, 'devices' | 'unknown'> = {
    ...{ machine, family, qemu, machineProperties, memory, cpus, globals },
    backends: backendsOf(machineProperties, values('numa'), m),
    objects: memoryObjects(values('object')),
    maxCpus: Number(smp.get('maxcpus')) || cpus,
    uuid: values('uuid').at(-1),
    kvm: has('enable-kvm') || /\bkvm\b/.test([...values('accel'), machineProperties.get('accel') ?? ''].join(' ')),
    serials: serials + values('device').filter((d) => d.startsWith('isa-serial')).length,
    parallels: ports(values('parallel'), bare),
    floppies: drives('floppy') > 0 || has('fda') || has('fdb'),
    flashes:
      drives('pflash') +
      values('pflash').length +
      ['pflash0', 'pflash1'].filter((p) => machineProperties.has(p)).length,
    userNets: userNets(options, bare),
    incoming: values('incoming').at(-1),
    on: (property, otherwise) => (has(`no-${property}`) ? false : (isOn(machineProperties.get(property)) ?? otherwise))
  };
  const placed = given ? new Slots(plan, data).place(options, bare) : undefined;
  return { ...plan, devices: placed?.devices, unknown: placed?.unknown ?? [] };
}

function versionOf(text: string | undefined): [number, number] | undefined {
  const match = /(\d+)\.(\d+)/.exec(text ?? '');
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}

/** The full type; undefined when an alias cannot be resolved because the version is not known. */
function resolve(name: string | undefined, qemu: Plan['qemu'], data: MachineData): string | undefined {
  const family = data.families.find((f) => f.alias === name);
  if (!family || family.alias === family.prefix) return name;
  return qemu && `${family.prefix}${qemu[0]}.${qemu[1]}`;
}

/** The properties of all options of these names, later ones winning. */
function merged(options: readonly CommandOption[], names: readonly string[], implied: string): Properties {
  const all = options.filter((o) => names.includes(o.name)).map((o) => properties(o.value, implied));
  return new Map(all.flatMap((p) => [...p]));
}

function split(text: string): [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
}

/** cpus, or the product of the topology that was given. */
function cpusOf(smp: Properties): number | undefined {
  if (smp.size === 0) return undefined;
  const n = (name: string): number => Number(smp.get(name)) || 1;
  return (
    Number(smp.get('cpus')) ||
    ['sockets', 'dies', 'clusters', 'modules', 'cores', 'threads'].reduce((p, t) => p * n(t), 1)
  );
}

/** Ports: one by default, none with `none`, else as many as given. */
function ports(values: readonly string[], bare: boolean): number {
  if (values.length === 0) return bare ? 0 : 1;
  return values.filter((v) => v !== 'none').length;
}

function backendsOf(machine: Properties, numa: readonly string[], m: Properties): string[] {
  const memdevs = numa.map((n) => properties(n, 'type').get('memdev')).filter((n) => n !== undefined);
  const backend = machine.get('memory-backend') ?? m.get('memory-backend');
  return backend === undefined ? memdevs : [backend];
}

function memoryObjects(values: readonly string[]): Map<string, number | undefined> {
  const objects = values.map((o) => properties(o, 'qom-type'));
  const memory = objects.filter((o) => o.get('qom-type')?.startsWith('memory-backend'));
  return new Map(memory.map((o) => [o.get('id') ?? '', sizeOf(o.get('size'), 1)]));
}

const nicOptions = ['nic', 'net', 'netdev'];

/** User-mode networks: each has a section `slirp`. */
function userNets(options: readonly CommandOption[], bare: boolean): number {
  const nets = options.filter((o) => nicOptions.includes(o.name));
  if (nets.length === 0) return bare ? 0 : 1;
  return nets.filter((o) => o.value.split(',')[0] === 'user').length;
}

/** Hands out PCI slots in QEMU's order: display, network cards of -nic, then -device, then -drive if=virtio. */
class Slots {
  readonly #plan: Omit<Plan, 'devices' | 'unknown'>;
  readonly #data: MachineData;
  readonly #taken: Set<number>;
  readonly #devices: PlannedDevice[] = [];
  readonly #unknown: string[] = [];

  constructor(plan: Omit<Plan, 'devices' | 'unknown'>, data: MachineData) {
    this.#plan = plan;
    this.#data = data;
    this.#taken = new Set(plan.family?.slots ?? []);
  }

  place(
    options: readonly CommandOption[],
    bare: boolean
  ): Pick<Plan, 'unknown'> & { devices: readonly PlannedDevice[] } {
    const devices = options.filter((o) => o.name === 'device').map((o) => properties(o.value, 'driver'));
    const vga = options.findLast((o) => o.name === 'vga')?.value;
    const displays = new Set([...Object.values(this.#data.vga), 'secondary-vga']);
    const ownDisplay = devices.some((d) => displays.has(d.get('driver') ?? ''));
    if (vga !== 'none' && (vga !== undefined || (!bare && !ownDisplay)))
      this.#add(this.#data.vga[vga ?? 'std'] ?? vga ?? '', new Map());
    for (const model of this.#cards(options, bare)) this.#add(this.#data.nics[model] ?? model, new Map());
    for (const d of devices) this.#add(d.get('driver') ?? '', d);
    for (const { name, value } of options) {
      const drive = properties(value, 'file');
      if (name === 'drive' && drive.get('if') === 'virtio') this.#add('virtio-blk-pci', new Map());
    }
    return { devices: this.#devices, unknown: this.#unknown };
  }

  /** Models of the network cards that -nic, -net and the defaults make. */
  #cards(options: readonly CommandOption[], bare: boolean): string[] {
    const otherwise = this.#plan.family?.nic ?? 'e1000';
    const nets = options.filter((o) => nicOptions.includes(o.name));
    if (nets.length === 0) return bare ? [] : [otherwise];
    return nets.flatMap(({ name, value }) => {
      const p = properties(value, 'type');
      const makes = name === 'nic' ? p.get('type') !== 'none' : name === 'net' && p.get('type') === 'nic';
      return makes ? [p.get('model') ?? otherwise] : [];
    });
  }

  #add(model: string, own: Properties): void {
    const data = this.#data.devices[model.replace(/-(non-)?transitional$/, '')];
    const globals = [...this.#plan.globals].flatMap(([name, value]): [string, string][] =>
      name.startsWith(`${model}.`) ? [[name.slice(model.length + 1), value]] : []
    );
    const all = new Map([...globals, ...own]);
    if (!data) this.#unknown.push(model);
    const { family } = this.#plan;
    const bus = all.get('bus');
    const onBus0 = data?.bus === 'pci' && family?.bus !== undefined && (bus === undefined || bus === family.bus);
    this.#devices.push({ model, data, path: onBus0 ? this.#slot(all.get('addr')) : undefined, properties: all });
  }

  /** `5`, `05.0`, `0x5`: QEMU reads slots as hex. */
  #slot(address: string | undefined): string | undefined {
    const match = /^(?:0x)?([0-9a-f]{1,2})(?:\.(?:0x)?([0-7]))?$/i.exec(address ?? '');
    if (match) {
      const slot = Number.parseInt(match[1]!, 16);
      this.#taken.add(slot);
      return pciPath(slot, Number(match[2] ?? 0));
    }
    for (let slot = 0; slot < 32; slot++) {
      if (this.#taken.has(slot)) continue;
      this.#taken.add(slot);
      return pciPath(slot);
    }
    return undefined;
  }
}
