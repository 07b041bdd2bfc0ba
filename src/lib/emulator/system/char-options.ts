/** Where serial ports, monitors and QMP go. Source: QEMU chardev/char.c qemu_chr_parse_compat, char-socket.c, char-stdio.c. */
import { isOn, properties } from '../../vmstate/command-line.ts';
import { checkProperties, flagOf, OptionError, type Known } from './qemu-option.ts';

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
/** `mon:` puts a monitor on the same wire, reached by Ctrl+A c; so does a -chardev with mux=on. */
export type PortSpec = ChardevSpec & { readonly mux?: boolean };

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
  checkProperties(option, list, { address: 'any', server: 'flag', wait: 'flag', nowait: 'flag', nodelay: 'flag' });
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

const EVERY: Known = { backend: 'any', id: 'any', mux: 'flag' };
const BACKENDS: Readonly<Record<string, Known>> = {
  stdio: { signal: 'flag' },
  null: {},
  file: { path: 'any', append: ['off'] },
  socket: { path: 'any', host: 'any', port: 'any', server: 'flag', wait: 'flag', nodelay: 'flag', telnet: ['off'] }
};

/** -chardev BACKEND,id=ID,… @throws OptionError */
export function chardevSpec(value: string): { readonly id: string; readonly spec: PortSpec } {
  const list = properties(value, 'backend');
  const backend = list.get('backend') ?? '';
  const known = Object.hasOwn(BACKENDS, backend) ? BACKENDS[backend] : undefined;
  if (!known) throw new OptionError(`-chardev ${value}: backend '${backend}' is not supported`);
  checkProperties(`-chardev ${backend}`, list, { ...EVERY, ...known });
  const id = list.get('id');
  if (id === undefined) throw new OptionError(`-chardev ${value}: Parameter 'id' is missing`);
  const mux = isOn(list.get('mux')) ?? false;
  const server = isOn(list.get('server')) ?? false;
  const wait = server && (isOn(list.get('wait')) ?? true);
  const of = (spec: ChardevSpec) => ({ id, spec: mux ? { ...spec, mux } : spec });
  if (backend === 'stdio' || backend === 'null') return of({ kind: backend });
  const path = list.get('path');
  if (backend === 'file') {
    if (path === undefined) throw new OptionError('-chardev: file: no filename given');
    return of({ kind: 'file', path });
  }
  if (path !== undefined) return of(socket('-chardev', 'unix', path, server, wait));
  return of(socket('-chardev', 'tcp', `${list.get('host') ?? '127.0.0.1'}:${list.get('port') ?? ''}`, server, wait));
}

/** The ports of a machine, as far as who shares a wire with whom is concerned. */
interface Ports {
  serials: PortSpec[];
  monitors: PortSpec[];
  readonly chardevs: ReadonlyMap<string, PortSpec>;
}

/** A serial port and a monitor on one -chardev with mux=on are what `mon:` is. Source: chardev/char-mux.c. */
export function shareMuxes(ports: Ports): void {
  for (const [id, { mux }] of ports.chardevs) {
    const isIt = (spec: PortSpec): boolean => spec.kind === 'id' && spec.id === id;
    const at = ports.serials.findIndex(isIt);
    if (!mux || at < 0 || !ports.monitors.some(isIt)) continue;
    ports.serials[at] = { ...ports.serials[at]!, mux };
    ports.monitors = ports.monitors.filter((spec) => !isIt(spec));
  }
}
