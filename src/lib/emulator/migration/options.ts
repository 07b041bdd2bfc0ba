/**
 * Capabilities and parameters of a migration: names, defaults, ranges, conflicts and the words of refusals, as of
 * QEMU 11.1. Source: QEMU migration/options.c, qapi/migration.json, migration/migration-hmp-cmds.c.
 */
import { isOn, shellWords } from '../../vmstate/command-line.ts';
import { PAGE } from '../../vmstate/page.ts';

/** Wrong settings; the message is QEMU's. */
export class MigrationError extends Error {}

/** qapi/migration.json MigrationCapability, in its order. */
export const CAPABILITIES = [
  ...(['xbzrle', 'rdma-pin-all', 'auto-converge', 'events', 'postcopy-ram', 'x-colo', 'release-ram'] as const),
  ...(['return-path', 'pause-before-switchover', 'multifd', 'dirty-bitmaps', 'postcopy-blocktime'] as const),
  ...(['late-block-activate', 'x-ignore-shared', 'validate-uuid', 'background-snapshot', 'zero-copy-send'] as const),
  ...(['postcopy-preempt', 'switchover-ack', 'dirty-limit', 'mapped-ram'] as const)
];
export type Capability = (typeof CAPABILITIES)[number];
type Capabilities = ReadonlySet<Capability>;

const isCapability = (name: unknown): name is Capability => CAPABILITIES.includes(name as Capability);

export type ParameterValue = number | boolean | string | readonly string[];

interface Kind {
  /** Of a word of the human monitor. @throws MigrationError */
  readonly parse: (name: string, text: string) => ParameterValue;
  /** Of a JSON value. @throws MigrationError */
  readonly accept: (name: string, value: unknown) => ParameterValue;
  readonly print: (value: ParameterValue) => string;
}

const fail = (message: string): never => {
  throw new MigrationError(message);
};

const integer = (type: string, most: number): Kind => ({
  parse(name, text) {
    const value = /^[+-]?(0x[\da-f]+|\d+)$/i.test(text) ? Number(text) : fail(`Parameter '${name}' expects uint64`);
    return value >= 0 && value <= most ? value : fail(`Parameter '${name}' expects ${type}`);
  },
  accept: (name, value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most
      ? value
      : fail(`Parameter '${name}' expects ${type}`),
  print: String
});
const uint8 = integer('uint8_t', 0xff);
const uint32 = integer('uint32_t', 0xffff_ffff);
const uint64 = integer('uint64', 2 ** 64);

const SIZE = /^(-?)(?:(0x[\da-f]+)|(\d+\.?\d*|\.\d+)([bkmgtpe]?))$/i;
/** QEMU: do_strtosz. Undefined for what is no size; negative ones are. @param unit power of 1024 of a bare number */
function sizeOf(text: string, unit: number): number | undefined {
  const [all, sign, hex, number, suffix] = SIZE.exec(text) ?? [];
  if (all === undefined) return undefined;
  const power = suffix ? 'bkmgtpe'.indexOf(suffix.toLowerCase()) : unit;
  const value = hex === undefined ? Number(number) * 1024 ** power : Number(hex) * 1024 ** unit;
  return Math.trunc(sign ? -value : value);
}
const size: Kind = {
  ...uint64,
  parse(name, text) {
    const value = sizeOf(text, 0);
    if (value === undefined) {
      return fail(
        `Parameter '${name}' expects a non-negative number below 2^64\n` +
          'Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.'
      );
    }
    return value >= 0 && value < 2 ** 64 ? value : fail(`Value '${text}' is out of range for parameter '${name}'`);
  }
};
/** Typed in MiB. */
const rate: Kind = {
  ...uint64,
  parse(_name, text) {
    const value = sizeOf(text, 2);
    return value !== undefined && value >= 0 && value < 2 ** 63 ? value : fail(`Invalid size ${text}`);
  }
};
const bool: Kind = {
  parse: (name, text) => isOn(text) ?? fail(`Parameter '${name}' expects 'on' or 'off'`),
  accept: (name, value) =>
    typeof value === 'boolean' ? value : fail(`Invalid parameter type for '${name}', expected: boolean`),
  print: (value) => (value ? 'on' : 'off')
};
const string: Kind = {
  parse: (_name, text) => text,
  accept: (name, value) =>
    value === null
      ? ''
      : typeof value === 'string'
        ? value
        : fail(`Invalid parameter type for '${name}', expected: string`),
  print: (value) => `'${String(value)}'`
};
const oneOf = (...values: string[]): Kind => {
  const parse = (name: string, text: string): string =>
    values.includes(text) ? text : fail(`Parameter '${name}' does not accept value '${text}'`);
  return {
    parse,
    accept: (name, value) =>
      typeof value === 'string' ? parse(name, value) : fail(`Invalid parameter type for '${name}', expected: string`),
    print: String
  };
};
const words: Kind = {
  parse: (_name, text) => shellWords(text),
  accept: (name, value) =>
    Array.isArray(value) && value.every((word) => typeof word === 'string')
      ? (value as readonly string[])
      : fail(`Invalid parameter type for '${name}', expected: array`),
  print: (value) => (value as readonly string[]).join(' ')
};

export interface Parameter {
  readonly name: string;
  readonly kind: Kind;
  readonly initial: ParameterValue;
  /** Behind the value in `info migrate_parameters`, which does not show those without. */
  readonly unit?: string;
  /** What is wanted of it, where a value is refused; `all` has it already. */
  readonly refuse?: (value: number, all: ReadonlyMap<string, ParameterValue>) => string | undefined;
}

const within =
  (least: number, most: number, words: string): Parameter['refuse'] =>
  (value) =>
    value >= least && value <= most ? undefined : words;
const between = (least: number, most: number, said = least): Parameter['refuse'] =>
  within(least, most, `a value between ${said} and ${most}`);
const percent = (most: number): Parameter['refuse'] => within(1, most, `an integer in the range of 1 to ${most}`);
const isPowerOf2 = (value: number): boolean => value > 0 && Number.isInteger(Math.log2(value));

const MIB = 2 ** 20;

/** In the order of `info migrate_parameters`. */
export const PARAMETERS: readonly Parameter[] = [
  { name: 'announce-initial', kind: size, initial: 50, unit: ' ms', refuse: between(0, 100_000) },
  { name: 'announce-max', kind: size, initial: 550, unit: ' ms', refuse: between(0, 100_000) },
  { name: 'announce-rounds', kind: size, initial: 5, unit: '', refuse: between(0, 1000) },
  { name: 'announce-step', kind: size, initial: 100, unit: ' ms', refuse: between(1, 10_000, 0) },
  { name: 'throttle-trigger-threshold', kind: uint8, initial: 50, unit: '', refuse: percent(100) },
  { name: 'cpu-throttle-initial', kind: uint8, initial: 20, unit: '', refuse: percent(99) },
  { name: 'cpu-throttle-increment', kind: uint8, initial: 10, unit: '', refuse: percent(99) },
  { name: 'cpu-throttle-tailslow', kind: bool, initial: false, unit: '' },
  {
    ...{ name: 'max-cpu-throttle', kind: uint8, initial: 99, unit: '' },
    refuse: (value, all) =>
      value >= (all.get('cpu-throttle-initial') as number) && value <= 99
        ? undefined
        : 'an integer in the range of cpu-throttle-initial to 99'
  },
  { name: 'tls-creds', kind: string, initial: '', unit: '' },
  { name: 'tls-hostname', kind: string, initial: '', unit: '' },
  { name: 'tls-authz', kind: string, initial: '', unit: '' },
  { name: 'max-bandwidth', kind: rate, initial: 128 * MIB, unit: ' bytes/second' },
  { name: 'avail-switchover-bandwidth', kind: rate, initial: 0, unit: ' bytes/second' },
  { name: 'max-postcopy-bandwidth', kind: size, initial: 0, unit: ' bytes/second' },
  {
    ...{ name: 'downtime-limit', kind: size, initial: 300, unit: ' ms' },
    refuse: within(0, 2_000_000, 'an integer in the range of 0 to (2000 * 1000) ms')
  },
  { name: 'x-checkpoint-delay', kind: uint32, initial: 20_000, unit: ' ms' },
  { name: 'multifd-channels', kind: uint8, initial: 2, unit: '', refuse: between(1, 255) },
  { name: 'multifd-compression', kind: oneOf('none', 'zlib', 'zstd'), initial: 'none', unit: '' },
  { name: 'multifd-zlib-level', kind: uint8, initial: 1, refuse: between(0, 9) },
  { name: 'multifd-qatzip-level', kind: uint8, initial: 1, refuse: between(1, 9) },
  { name: 'multifd-zstd-level', kind: uint8, initial: 1, refuse: between(0, 20) },
  { name: 'zero-page-detection', kind: oneOf('none', 'legacy', 'multifd'), initial: 'multifd', unit: '' },
  {
    ...{ name: 'xbzrle-cache-size', kind: size, initial: 64 * MIB, unit: ' bytes' },
    refuse: (value) =>
      value >= PAGE && isPowerOf2(value) ? undefined : 'a power of two no less than the target page size'
  },
  {
    ...{ name: 'x-vcpu-dirty-limit-period', kind: size, initial: 1000, unit: ' ms' },
    refuse: between(1, 1000)
  },
  { name: 'vcpu-dirty-limit', kind: size, initial: 1, unit: ' MB/s' },
  { name: 'mode', kind: oneOf('normal', 'cpr-reboot', 'cpr-transfer', 'cpr-exec'), initial: 'normal', unit: '' },
  { name: 'direct-io', kind: bool, initial: false, unit: '' },
  { name: 'x-rdma-chunk-size', kind: size, initial: MIB, unit: ' bytes' },
  { name: 'cpr-exec-command', kind: words, initial: [], unit: '' }
];

const ZERO_COPY = 'Zero copy only available for non-compressed non-TLS multifd migration';
const MAPPED_RAM = 'Mapped-ram only available for non-compressed non-TLS multifd migration';

/** Not together with background-snapshot. Source: check_caps_background_snapshot. */
const NOT_IN_BACKGROUND: readonly Capability[] = [
  ...(['postcopy-ram', 'dirty-bitmaps', 'postcopy-blocktime', 'late-block-activate', 'return-path'] as const),
  ...(['multifd', 'pause-before-switchover', 'auto-converge', 'release-ram', 'rdma-pin-all', 'xbzrle'] as const),
  ...(['x-colo', 'validate-uuid', 'zero-copy-send'] as const)
];

/** What this machine's migrations are set to. */
export class MigrationOptions {
  #capabilities: Capabilities = new Set();
  #values: ReadonlyMap<string, ParameterValue> = new Map(PARAMETERS.map((p) => [p.name, p.initial]));
  /** A migration is under way: capabilities stay as they are. */
  busy: () => boolean = () => false;
  /** Something was set. */
  onChange: () => void = () => {};

  has(capability: Capability): boolean {
    return this.#capabilities.has(capability);
  }
  /** A parameter that is a number. */
  number(name: string): number {
    return this.#values.get(name) as number;
  }
  value(name: string): ParameterValue {
    return this.#values.get(name)!;
  }

  /** query-migrate-capabilities */
  capabilities(): readonly { readonly capability: Capability; readonly state: boolean }[] {
    return CAPABILITIES.map((capability) => ({ capability, state: this.has(capability) }));
  }
  /** query-migrate-parameters */
  parameters(): Readonly<Record<string, ParameterValue>> {
    return Object.fromEntries(this.#values);
  }

  /** migrate-set-capabilities: all of them or none. @throws MigrationError */
  setCapabilities(changes: readonly { readonly capability: Capability; readonly state: boolean }[]): void {
    if (this.busy()) fail("There's a migration process in progress");
    const wanted = new Set(this.#capabilities);
    for (const { capability, state } of changes) {
      if (state) wanted.add(capability);
      else wanted.delete(capability);
    }
    const conflict = this.#capabilityConflict(wanted);
    if (conflict !== undefined) fail(conflict);
    this.#capabilities = wanted;
    this.onChange();
  }

  /** migrate-set-parameters: all of them or none. @throws MigrationError */
  setParameters(changes: Readonly<Record<string, unknown>>): void {
    const values = new Map(this.#values);
    for (const [name, value] of Object.entries(changes)) {
      const parameter = PARAMETERS.find((p) => p.name === name) ?? fail(`Parameter '${name}' is unexpected`);
      values.set(name, parameter.kind.accept(name, value));
    }
    this.#apply(values);
  }

  /** migrate_set_capability. @throws MigrationError */
  setCapabilityText(name: string, state: boolean): void {
    if (!isCapability(name)) throw new MigrationError(`invalid parameter value: ${name}`);
    this.setCapabilities([{ capability: name, state }]);
  }

  /** migrate_set_parameter. @throws MigrationError */
  setParameterText(name: string, text: string): void {
    if (name === 'block-bitmap-mapping') fail('The block-bitmap-mapping parameter can only be set through QMP');
    const parameter = PARAMETERS.find((p) => p.name === name) ?? fail(`invalid parameter value: ${name}`);
    this.#apply(new Map(this.#values).set(name, parameter.kind.parse(name, text)));
  }

  #apply(values: ReadonlyMap<string, ParameterValue>): void {
    for (const { name, refuse } of PARAMETERS) {
      const wanted = refuse?.(values.get(name) as number, values);
      if (wanted !== undefined) fail(`Option ${name} expects ${wanted}`);
    }
    const chunk = values.get('x-rdma-chunk-size') as number;
    if (!isPowerOf2(chunk) || chunk < MIB || chunk > 1024 * MIB)
      fail('Option x_rdma_chunk_size expects a power of 2 in the range 1MiB to 1024MiB');
    if ((values.get('vcpu-dirty-limit') as number) < 1)
      fail("Parameter 'vcpu-dirty-limit' must be greater than 1 MB/s");
    if (this.has('zero-copy-send') && !isPlain(values)) fail(ZERO_COPY);
    // QEMU looks at what is set, not at what is about to be.
    if (this.has('mapped-ram') && !isPlain(this.#values)) fail(MAPPED_RAM);
    this.#values = values;
    this.onChange();
  }

  /** Source: migrate_caps_check, in its order. */
  #capabilityConflict(wanted: Capabilities): string | undefined {
    const has = (name: Capability): boolean => wanted.has(name);
    if (has('x-colo') && !has('return-path')) return "Capability 'x-colo' requires capability 'return-path'";
    if (has('postcopy-ram') && has('x-ignore-shared')) return 'Postcopy is not compatible with ignore-shared';
    if (has('background-snapshot')) {
      const other = NOT_IN_BACKGROUND.find(has);
      if (other !== undefined) return `Background-snapshot is not compatible with ${other}`;
    }
    if (has('zero-copy-send') && (!has('multifd') || has('xbzrle') || !isPlain(this.#values))) return ZERO_COPY;
    if (has('postcopy-preempt') && !has('postcopy-ram')) return 'Postcopy preempt requires postcopy-ram';
    if (has('switchover-ack') && !has('return-path'))
      return "Capability 'switchover-ack' requires capability 'return-path'";
    if (has('dirty-limit')) {
      return has('auto-converge')
        ? 'dirty-limit conflicts with auto-converge either of then available currently'
        : "dirty-limit requires KVM with accelerator property 'dirty-ring-size' set";
    }
    if (has('multifd') && has('xbzrle')) return 'Multifd is not compatible with xbzrle';
    if (has('mapped-ram') && has('xbzrle')) return 'Mapped-ram migration is incompatible with xbzrle';
    if (has('mapped-ram') && has('postcopy-ram')) return 'Mapped-ram migration is incompatible with postcopy';
    return undefined;
  }
}

/** Neither compressed nor encrypted. */
const isPlain = (values: ReadonlyMap<string, ParameterValue>): boolean =>
  values.get('multifd-compression') === 'none' && values.get('tls-creds') === '';

/** What `info migrate_parameters` prints. */
export const parametersText = (options: MigrationOptions): string =>
  PARAMETERS.filter((p) => p.unit !== undefined)
    .map(({ name, kind, unit }) => `${name}: ${kind.print(options.value(name))}${unit}`.trimEnd())
    .join('\n');

/** What `info migrate_capabilities` prints. */
export const capabilitiesText = (options: MigrationOptions): string =>
  options
    .capabilities()
    .map(({ capability, state }) => `${capability}: ${state ? 'on' : 'off'}`)
    .join('\n');

/** The list of migrate-set-capabilities. @throws MigrationError */
export function capabilityChanges(list: unknown): { capability: Capability; state: boolean }[] {
  if (list === undefined) return fail("Parameter 'capabilities' is missing");
  if (!Array.isArray(list)) return fail("Invalid parameter type for 'capabilities', expected: array");
  return (list as readonly unknown[]).map((item, i) => {
    const at = (name: string): string => `capabilities[${i}].${name}`;
    if (typeof item !== 'object' || item === null)
      return fail(`Invalid parameter type for 'capabilities[${i}]', expected: object`);
    const { capability, state } = item as Readonly<Record<string, unknown>>;
    if (capability === undefined) return fail(`Parameter '${at('capability')}' is missing`);
    if (!isCapability(capability)) return fail(`Parameter 'capability' does not accept value '${String(capability)}'`);
    if (state === undefined) return fail(`Parameter '${at('state')}' is missing`);
    if (typeof state !== 'boolean') return fail(`Invalid parameter type for '${at('state')}', expected: boolean`);
    return { capability, state };
  });
}
