/** The machines' worker without the worker: `MachineHost` of `machine-api.ts`. Runs in Node too. */
import { transfer } from 'comlink';
import { Bridge } from './bridge-channel.ts';
import { BridgeArrival, BridgeMigration } from './bridge-migration.ts';
import { cpuView } from './cpu-view.ts';
import { deviceFields, deviceLabels } from './debug/device-fields.ts';
import { readMemory } from './debug/guest-memory.ts';
import { lookAt } from './debug/look.ts';
import { HostedMachine } from './hosted-machine.ts';
import { qcodeOf } from './hw/input/keys.ts';
import type { VGAScreen } from './hw/display/vga-screen.ts';
import type {
  DisplayFrame,
  MachineHost,
  MachineStatus,
  MigrationNews,
  MigrationOutcome,
  MonitorAnswer
} from './machine-api.ts';
import type { MigrationInfo } from './migration-api.ts';
import { MigrationError } from './migration/options.ts';
import { insertImage } from './block/open-image.ts';
import { imageOf, MachineLoader } from './machine-loading.ts';
import type { Machine } from './machine.ts';
import { sink } from './migration/channel.ts';
import { byHand, changeMemory, changeRegister, RESET } from './replay/by-hand.ts';
import { hmp } from './monitor/hmp.ts';
import { TabMigration } from './tab-migration.ts';
import { CPUException } from './target/i386/env.ts';
import { WatchedMigration } from './watched-migration.ts';

const notYet = (what: string): never => {
  throw new Error(`${what} is not there yet`);
};

export function createMachineHost(): MachineHost {
  const machines = new Map<number, HostedMachine>();
  const loader = new MachineLoader();
  let bridge = new Bridge(undefined);
  type Movement = Pick<TabMigration, 'over' | 'stream' | 'set' | 'cancel' | 'cut'>;
  type Told = (news: MigrationNews, outcome?: MigrationOutcome) => void;
  /** Out of a machine, or into the one beside it. */
  const migrations = new Map<number, Movement>();
  const watchers = new Map<number, Told>();
  const underWay = (id: number): Movement => {
    const found = migrations.get(id);
    if (!found) throw new Error('no migration is under way');
    return found;
  };
  let lastId = 0;

  const get = (id: number): HostedMachine => {
    const found = machines.get(id);
    if (!found) throw new Error(`machine ${id} is gone`);
    return found;
  };
  /** A new machine beside another one, for a guest that is to come. */
  const beside = <T>(hosted: HostedMachine, use: (destination: Machine) => T): T => {
    const destination = loader.beside(hosted.machine);
    try {
      return use(destination);
    } catch (error) {
      destination.destroy();
      throw error;
    }
  };
  /** Until it is over; the machine that a guest has come into gets its number then. */
  const moves = async (id: number, movement: Movement, info: () => MigrationInfo): Promise<MigrationOutcome> => {
    migrations.set(id, movement);
    try {
      const arrived = await movement.over;
      const { stream } = movement;
      const outcome = { info: info(), ...(stream ? { stream } : {}) };
      if (!arrived) return { ...outcome, arrived: undefined };
      const to = ++lastId;
      machines.set(to, arrived);
      return { ...outcome, arrived: { id: to, report: arrived.report } };
    } finally {
      migrations.delete(id);
    }
  };
  const receive = (id: number, uri: string, told: Told): Promise<MigrationOutcome> => {
    if (migrations.has(id)) throw new MigrationError('The incoming migration has already been started');
    const hosted = get(id);
    const arrival = beside(hosted, (destination) => new BridgeArrival(hosted, destination, bridge, uri, told));
    return moves(id, arrival, () => arrival.info);
  };
  /** A line of the monitor: what it moves through sockets is told to who watches. */
  const monitorLine = async (id: number, line: string): Promise<MonitorAnswer> => {
    const told = watchers.get(id) ?? ((): void => {});
    const [, coming] = /^\s*migrate_incoming\s+"?((?:tcp|unix):[^"]*?)"?\s*$/.exec(line) ?? [];
    if (coming !== undefined) {
      try {
        void receive(id, coming, told).then((outcome) => told({ observations: [], info: outcome.info }, outcome));
        return { text: '' };
      } catch (error) {
        return { text: `Error: ${error instanceof Error ? error.message : String(error)}` };
      }
    }
    const hosted = get(id);
    if (!/^\s*migrate\s.*\b(tcp|unix):/.test(line)) return monitor(hosted, line, bridge);
    const answer = await new WatchedMigration(hosted, told).during(() => monitor(hosted, line, bridge));
    const info = hosted.machine.migration.info();
    told({ observations: [], info }, { info, arrived: undefined });
    return answer;
  };

  /** Movements under way: a look comes after them. */
  const moving = new WeakMap<HostedMachine, Promise<unknown>>();
  const moved = async (id: number, move: (hosted: HostedMachine) => Promise<unknown>): Promise<MachineStatus> => {
    const hosted = get(id).standing;
    const under = move(hosted);
    moving.set(hosted, under);
    await under;
    return hosted.status;
  };

  return {
    async create({ state, commandLine, remains, snapshot }) {
      if (!state || commandLine !== undefined) notYet('a machine that starts from its firmware');
      const dropped = { files: state!, snapshot };
      const hosted = new HostedMachine(await (remains ? loader.revive(dropped, remains) : loader.load(dropped)));
      const id = ++lastId;
      machines.set(id, hosted);
      return { id, report: hosted.report };
    },
    async destroy(id) {
      const hosted = get(id);
      machines.delete(id);
      watchers.delete(id);
      migrations.get(id)?.cancel();
      await hosted.destroy();
    },
    watch: async (id, told) => get(id).watch(told),
    status: async (id) => get(id).status,
    keep: async (id, told) => get(id).keep(told),

    async resume(id, runAnyway) {
      get(id).allow(runAnyway);
      get(id).moves.resume();
    },
    pause: (id) => get(id).moves.pause(),
    step: (id, instructions = 1) => moved(id, (m) => m.moves.step(instructions)),
    stepOver: (id) => moved(id, (m) => m.moves.stepOver()),
    stepOut: (id) => moved(id, (m) => m.moves.stepOut()),
    runTo: (id, address) => moved(id, (m) => m.moves.runTo(address)),
    stepBack: (id, instructions = 1) => moved(id, (m) => m.reverses.stepBack(instructions)),
    goTo: (id, icount) => moved(id, (m) => m.reverses.to(icount)),
    reverseContinue: (id) => moved(id, (m) => m.reverses.toBreakpoint()),
    backToWrite: (id, space, address, bytes) => get(id).standing.reverses.toWrite(space, address, bytes),
    async forgetFuture(id) {
      get(id).machine.timeTravel.forgetFuture();
      return get(id).status;
    },
    async reset(id) {
      byHand(get(id).machine, RESET, new Uint8Array(0));
      get(id).tell();
    },

    async look(id, wanted) {
      await moving.get(get(id))?.catch(() => undefined);
      return lookAt(get(id), wanted);
    },
    async lookNews(id, wanted, number, since) {
      await moving.get(get(id))?.catch(() => undefined);
      return get(id).looks.tell(lookAt(get(id), wanted), number, since);
    },
    cpu: async (id) => cpuView(get(id).machine.cpu),
    async setRegister(id, name, value) {
      try {
        changeRegister(get(id).machine, name, value);
      } catch (error) {
        if (!(error instanceof CPUException)) throw error;
        throw new Error(`the CPU refuses this value of ${name}: exception ${error.vector}`);
      }
    },
    async read(id, space, address, bytes) {
      const got = readMemory(get(id).machine, space, address, bytes);
      return transfer(got, [got.buffer]);
    },
    write: async (id, space, address, bytes) => changeMemory(get(id).machine, space, address, bytes),
    addressOf: async (id, symbol) => get(id).symbols?.addressOf(symbol),
    devices: async (id) => deviceLabels(get(id).machine),
    deviceFields: async (id, label) => deviceFields(get(id).machine, label),
    async shared(id) {
      const { physmem, cpu } = get(id).machine;
      return {
        buffer: cpu.env.u8.buffer as unknown as SharedArrayBuffer,
        blocks: physmem.blocks.map((b) => ({ idstr: b.idstr, offset: b.offset, length: b.used_length })),
        pageFlags: physmem.pageFlags
      };
    },

    addBreakpoint: async (id, breakpoint) => get(id).breakpoints.add(breakpoint),
    removeBreakpoint: async (id, breakpoint) => get(id).breakpoints.remove(breakpoint),
    enableBreakpoint: async (id, breakpoint, enabled) => get(id).breakpoints.enable(breakpoint, enabled),
    breakpoints: async (id) => get(id).breakpoints.list,

    serialOutput: async (id, port, told) => get(id).listen(port, told),
    serialInput: async (id, port, bytes) => get(id).machine.serialInput(port, bytes),
    key: async (id, code, down) => get(id).machine.ui.key(qcodeOf(code) ?? code, down),
    mouse: async (id, dx, dy, dz, buttons) => get(id).machine.ui.mouse({ dx, dy, dz, buttons }),
    pointer: async (id, x, y, dz, buttons) => get(id).machine.ui.pointer(x, y, dz, buttons),
    async display(id, frame) {
      const { screen, absolute } = get(id).machine.ui;
      const picture = screen && pictureSince(screen, frame);
      return transfer({ there: screen !== undefined, absolute, picture }, picture ? [picture.rgba.buffer] : []);
    },
    monitor: monitorLine,
    async attachDisk(id, drive, file) {
      const { machine } = get(id);
      const found = machine.drives.find(({ blk }) => blk.name === drive);
      if (!found) throw new RangeError(`there is no drive '${drive}'`);
      const why = insertImage(found.blk, await imageOf(file));
      if (why !== undefined) throw new Error(why);
      get(id).attached(drive, file.name);
    },
    save: (id) => get(id).save(),

    async migrate(id, request, told) {
      const source = get(id);
      const { to } = request;
      const movement =
        to === undefined
          ? beside(source, (destination) => new TabMigration(source, destination, request, told))
          : new BridgeMigration(source, bridge, to, request, told);
      return moves(id, movement, () => source.machine.migration.info());
    },
    receive: async (id, uri, told) => receive(id, uri, told),
    async watchMigrations(id, told) {
      watchers.set(id, told);
    },
    async useBridge(address) {
      bridge = new Bridge(address);
    },
    setMigration: async (id, settings) => underWay(id).set(settings),
    cancelMigration: async (id) => underWay(id).cancel(),
    cutLink: async (id) => underWay(id).cut()
  };
}

/** The rows that somebody who has a frame has not. */
function pictureSince(screen: VGAScreen, frame: number): DisplayFrame | undefined {
  screen.update();
  const rows = screen.rowsSince(frame);
  if (!rows) return undefined;
  const { width, height, pixels } = screen.surface;
  const part = pixels.slice(rows.first * width, (rows.first + rows.count) * width);
  return { frame: screen.frame, width, height, top: rows.first, rgba: new Uint8ClampedArray(part.buffer) };
}

/** What goes on is asked for as by the button; files become downloads. */
async function monitor(hosted: HostedMachine, line: string, bridge: Bridge): Promise<MonitorAnswer> {
  if (/^\s*c(ont)?\s*$/.test(line)) {
    try {
      hosted.allow();
      hosted.moves.resume();
      return { text: '' };
    } catch (error) {
      return { text: error instanceof Error ? error.message : String(error) };
    }
  }
  let file: MonitorAnswer['file'];
  const text = await hmp(
    {
      machine: hosted.machine,
      host: {
        quit() {
          void hosted.moves.pause().then(() => hosted.machine.runstate.set('shutdown', { kind: 'shutdown' }));
        },
        detaches: false,
        async connect(uri) {
          if (/^(tcp|unix):/.test(uri)) return bridge.connect(uri);
          const [, path] = /^file:([^,]*)/.exec(uri) ?? [];
          if (path === undefined) throw new Error(`a page cannot write to ${uri}: file:NAME becomes a download`);
          const pieces: Uint8Array<ArrayBuffer>[] = [];
          const ended = (): void => {
            file = { name: path.replace(/^.*\//, '') || 'vm.state', blob: new Blob(pieces) };
          };
          return sink((piece) => pieces.push(piece), ended);
        },
        listen: (uri) => Promise.reject(new Error(`a page cannot listen at ${uri}: drop the state on it`))
      }
    },
    line
  );
  hosted.tell();
  return file ? { text, file } : { text };
}
