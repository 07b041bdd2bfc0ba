/**
 * The contract between the page and the worker that runs a machine: types only, as `api.ts` for the explorer. Plain data
 * crosses through comlink; what changes while the guest runs (RAM, dirty pages, registers) lies in shared memory.
 * 64-bit values are bigint, addresses of guest memory too.
 */
import type { MigrationInfo, MigrationObservation } from './migration-api.ts';
import type { Walk } from '../vmstate/page-walk.ts';
import type { Problem } from '../vmstate/problem.ts';
import type { Meaning, Placed } from '../vmstate/vmstate.ts';

/** QEMU's RunState (qapi/run-state.json), as `info status` says it. */
export type RunState =
  | 'prelaunch'
  | 'inmigrate'
  | 'running'
  | 'paused'
  | 'debug'
  | 'io-error'
  | 'internal-error'
  | 'shutdown'
  | 'suspended'
  | 'finish-migrate'
  | 'postmigrate';

/** What becomes a machine: dropped files, or a machine that starts from its firmware or kernel. */
export interface MachineSource {
  /** What was dropped: a vm.state with what belongs to it, disk images too. A drive without one waits at its first request. */
  readonly state?: readonly File[];
  /** Of a qcow2 image: id of the VM state, and of the disk of that moment; by default the last. */
  readonly snapshot?: string | undefined;
  /** QEMU's command line, for a machine that boots; file names in it are names of `files`. */
  readonly commandLine?: string;
  readonly files?: readonly File[];
  /** Not what the stream says, but a machine of it that a worker left behind, as it was at its last checkpoint. */
  readonly remains?: MachineRemains;
}

/** What keeps a machine from being lost with its worker. The page holds it and understands none of it. */
export interface MachineRemains {
  /** What it is made of, and the shared memory that it lies in. */
  readonly ground: unknown;
  readonly checkpoint: Checkpoint;
  /** By drive: what was written to it until then. */
  readonly drives: readonly ReadonlyMap<number, unknown>[];
  /** Images that came later than the state, by drive. */
  readonly attached: ReadonlyMap<string, File>;
}

/** What the worker tells of a checkpoint. */
export interface Checkpoint {
  readonly icount: number;
  readonly generation: number;
  readonly devices: Uint8Array;
  /** What was written since the checkpoint told before; undefined: as in the image again. */
  readonly drives: readonly ReadonlyMap<number, unknown>[];
}

/** A drive of the machine, and whether its image is there. */
export interface DriveInfo {
  readonly id: string;
  /** `virtio-blk-pci at 00:03.0`. */
  readonly device: string;
  /** What the guest was told, in bytes; undefined when the state does not say. */
  readonly wanted: number | undefined;
  /** It may be empty: CD and floppy. */
  readonly removable: boolean;
  /** Name of the image that it has. */
  readonly file: string | undefined;
  /** Requests that wait for an image. */
  readonly waiting: number;
}

/** What starting came to. */
export interface MachineReport {
  readonly machine: string;
  /** Bytes of RAM. */
  readonly memory: number;
  readonly cpu: string;
  /** Fatal ones keep it from running; `runAnyway` of `resume` overrides them where there is a machine at all. */
  readonly problems: readonly Problem[];
  /** Sections that nothing here models: kept byte for byte. */
  readonly frozen: readonly string[];
  /** Ports that the machine has, by their numbers. */
  readonly serials: readonly number[];
  /** Whether there is something to look at, or to run with `runAnyway`. */
  readonly made: boolean;
}

/** Why the machine stopped. */
export type StopReason =
  | { readonly kind: 'pause' | 'step' | 'halt-forever' | 'shutdown' | 'reset' }
  /** It stands where it was sent back to; or where its recording ends. */
  | { readonly kind: 'back' | 'replay-end' }
  /** `what` it met, in words, where the place alone does not say it. */
  | { readonly kind: 'breakpoint'; readonly id: number; readonly what?: string }
  | { readonly kind: 'io-error'; readonly drive: string; readonly message: string }
  | { readonly kind: 'internal-error'; readonly message: string };

/** What can be come back to. Moments are counts of instructions. */
export interface PastInfo {
  readonly first: number;
  readonly last: number;
  /** The machine stands, or runs again, before `last`: to go on by itself, what came after is to be forgotten. */
  readonly inPast: boolean;
  /** It runs again. */
  readonly replaying: boolean;
  readonly checkpoints: readonly number[];
  /** Memory that the past takes, and may take. */
  readonly bytes: number;
  readonly limit: number;
}

/** Who wrote: the instruction that is the next to run, or a device when the one before it had ended. */
export interface LastWrite {
  readonly device: boolean;
  readonly icount: number;
}

/** Told to the page at most some thirty times a second. */
export interface MachineStatus {
  readonly state: RunState;
  readonly stopped: StopReason | undefined;
  /** Instructions since the machine was loaded or started. */
  readonly instructions: number;
  /** Of the last second. */
  readonly instructionsPerSecond: number;
  /** QEMU_CLOCK_VIRTUAL. */
  readonly virtualNs: bigint;
  /** Share of the last second that the CPU was halted, 0 to 1. */
  readonly idle: number;
  readonly drives: readonly DriveInfo[];
  /** Undefined: nothing is recorded. */
  readonly past: PastInfo | undefined;
}

/** What an access does. `read` leaves out instructions that read and write at once, which count as writing. */
export type AccessKind = 'read' | 'write' | 'access';

/** Where the machine stops by itself: before an instruction, or after the one that did what is watched. */
export type BreakpointSpec = {
  /** An expression of the monitor, over the registers at that moment. */
  readonly condition?: string;
} & (
  | { readonly kind: 'code'; readonly address: bigint }
  | {
      readonly kind: 'data';
      readonly space: 'virtual' | 'physical';
      readonly address: bigint;
      readonly bytes: number;
      readonly access: AccessKind;
    }
  /** `ports` of them from `port` on. */
  | { readonly kind: 'port'; readonly port: number; readonly ports: number; readonly access: AccessKind }
  | { readonly kind: 'msr'; readonly index: number; readonly access: AccessKind }
  /** Exception or interrupt, stopped at its handler. */
  | { readonly kind: 'vector'; readonly vector: number }
  /** A value of a device has changed: looked at between slices, and after each access to a device. */
  | { readonly kind: 'field'; readonly section: string; readonly path: string }
);
export type Breakpoint = BreakpointSpec & { readonly id: number; readonly enabled: boolean; readonly hits: number };

/** One register: a row of the registers panel. */
export interface RegisterRow {
  /** As in `info registers`: `RAX`, `CS.base`, `XMM0`. */
  readonly name: string;
  readonly value: bigint;
  /** Width. */
  readonly bytes: number;
  /** Names of its bits, and where they are described. */
  readonly about?: Meaning;
  /** `setRegister` takes it. */
  readonly writable: boolean;
}

/** The CPU as the registers panel shows it. */
export interface CpuView {
  readonly groups: readonly { readonly title: string; readonly rows: readonly RegisterRow[] }[];
  /** Linear address of the next instruction. */
  readonly pc: bigint;
  /** Linear address of the top of the stack. */
  readonly stack: bigint;
  /** 16, 32 or 64: how the bytes at `pc` are to be read. */
  readonly codeSize: 16 | 32 | 64;
  /** 2, 4 or 8: bytes that PUSH takes. */
  readonly stackWidth: 2 | 4 | 8;
  readonly cpl: number;
  readonly halted: boolean;
  /** Since the machine was loaded. */
  readonly instructions: number;
}

/** One value on the stack. */
export interface StackSlot {
  readonly address: bigint;
  readonly value: bigint;
  /** Of what the value points to, where that is code with a name. */
  readonly name: string | undefined;
}

/** One function that was called and has not returned. */
export interface Frame {
  /** Where it goes on. */
  readonly address: bigint;
  readonly name: string | undefined;
  /** Where the return address lies; of the running function, the top of the stack. */
  readonly stack: bigint;
  /**
   * How it was found: it runs; by the chain of frame pointers; a CALL of the function before stands in front of the
   * address; some CALL stands there, so it may be what is left of an earlier call.
   */
  readonly how: 'runs' | 'frame pointer' | 'calls' | 'guess';
}

/** A table of what the machine has, in words. */
export interface Sheet {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly SheetRow[];
  /** What there is to say where it has no rows. */
  readonly none?: string;
}
export interface SheetRow {
  readonly cells: readonly string[];
  /** By what it is found again when its cells have changed; without it, by the first of them. */
  readonly id?: string;
  /** Linear address of code that the row leads to. */
  readonly code?: bigint;
}
/** GDT, LDT, IDT and TSS; PIC, IOAPIC and local APIC; PCI, memory map and ports; rings of virtio devices. */
export type SheetName = 'tables' | 'interrupts' | 'board' | 'virtqueues';

/** A block of RAM as it is. */
export interface RamView {
  readonly idstr: string;
  /** A byte a page: RAM_PAGE. */
  readonly pages: Uint8Array;
}
/** Bits of a page in a RamView: what it holds, as far as was looked at yet; written since the look before. */
export type RamPageBits = { readonly ZERO: 1; readonly DATA: 2; readonly WRITTEN: 4 };

/** What of the machine is shown: asked for together, so that a step costs one round trip. */
export interface LookRequest {
  /** Bytes around an address; without one, around the next instruction, staying while that is among the first half. */
  readonly code?: { readonly at?: bigint | undefined; readonly before: number; readonly after: number };
  /** Values from the top of the stack on. */
  readonly stack?: number;
  readonly calls?: boolean;
  /** Labels of devices. */
  readonly devices?: readonly string[];
  readonly sheets?: readonly SheetName[];
  /** What was written since the last look, and what pages hold. */
  readonly ram?: boolean;
  /** A virtual address whose way through the page tables is wanted. @param cr3 other tables than those in force */
  readonly walk?: { readonly gva: bigint; readonly cr3?: bigint };
}
export interface Look {
  readonly status: MachineStatus;
  readonly cpu: CpuView;
  readonly breakpoints: readonly Breakpoint[];
  /** `start` is later than asked for where nothing is mapped before. */
  readonly code?: {
    readonly at: bigint;
    readonly start: bigint;
    readonly bytes: Uint8Array;
    /** Of `start`, of each symbol in the bytes, and of what near branches among them go to. */
    readonly names: ReadonlyMap<bigint, string>;
  };
  readonly stack?: readonly StackSlot[];
  readonly calls?: readonly Frame[];
  /** Rows as of a stream, by label; a label that is no device's is left out. */
  readonly devices?: ReadonlyMap<string, readonly Placed[]>;
  readonly sheets?: ReadonlyMap<SheetName, readonly Sheet[]>;
  readonly walk?: Walk;
  readonly ram?: readonly RamView[];
}

/** What is new in a look. */
export interface LookNews {
  /** Number of the look before; undefined: it is told whole. */
  readonly since: number | undefined;
  /** As `util/delta.ts` says it. */
  readonly delta: unknown;
}

/** Where the page finds guest RAM: the shared memory and the blocks in it. Little-endian. */
export interface SharedView {
  readonly buffer: SharedArrayBuffer;
  readonly blocks: readonly { readonly idstr: string; readonly offset: number; readonly length: number }[];
  /** A byte for each 4 KiB host page of `buffer`, from here: bit 1 VGA, bit 2 migration, set when written. */
  readonly pageFlags: number;
}

/** What a worker that runs a machine exposes. A machine is named by the id that `create` gave it. */
export interface MachineHost {
  /** Makes a machine, paused. Never rejects for what a file says: the report has the problems. */
  create(source: MachineSource): Promise<{ readonly id: number; readonly report: MachineReport }>;
  destroy(id: number): Promise<void>;
  /** Status now and whenever it changes, until the machine is destroyed. */
  watch(id: number, told: (status: MachineStatus) => void): Promise<void>;
  status(id: number): Promise<MachineStatus>;
  /**
   * Keeps a machine from being lost with its worker. Returns the `ground` of its remains.
   * @param told of each checkpoint from now on; the next waits until it has returned
   */
  keep(id: number, told: (checkpoint: Checkpoint) => void): Promise<unknown>;

  /** @param runAnyway although the report has problems that are likely to make it fail */
  resume(id: number, runAnyway?: boolean): Promise<void>;
  pause(id: number): Promise<void>;
  /** Resolves when it has stopped. */
  step(id: number, instructions?: number): Promise<MachineStatus>;
  stepOver(id: number): Promise<MachineStatus>;
  stepOut(id: number): Promise<MachineStatus>;
  runTo(id: number, address: bigint): Promise<MachineStatus>;
  stepBack(id: number, instructions?: number): Promise<MachineStatus>;
  /** To a moment between `past.first` and `past.last`. */
  goTo(id: number, icount: number): Promise<MachineStatus>;
  /** Back to where a breakpoint would have stopped it last; without one, to `past.first`. */
  reverseContinue(id: number): Promise<MachineStatus>;
  /** Back to before the last write; undefined, and it stays, where there was none. At most a page, by virtual address. */
  backToWrite(
    id: number,
    space: 'virtual' | 'physical',
    address: bigint,
    bytes: number
  ): Promise<LastWrite | undefined>;
  /** What came after the present moment is given up. */
  forgetFuture(id: number): Promise<MachineStatus>;
  reset(id: number): Promise<void>;

  /** Answered when what was asked for before is done: sent along with a step, it tells how it is after it. */
  look(id: number, wanted: LookRequest): Promise<Look>;
  /** The same, as what is new; for `look-news.ts`, which makes a `look` of it. */
  lookNews(id: number, wanted: LookRequest, number: number, since: number): Promise<LookNews>;
  cpu(id: number): Promise<CpuView>;
  /** @param name of a row that is `writable` */
  setRegister(id: number, name: string, value: bigint): Promise<void>;
  /** Bytes by virtual (`x`) or physical (`xp`) address; fewer where they end, none where nothing is mapped. */
  read(id: number, space: 'virtual' | 'physical', address: bigint, bytes: number): Promise<Uint8Array>;
  write(id: number, space: 'virtual' | 'physical', address: bigint, bytes: Uint8Array): Promise<boolean>;
  addressOf(id: number, symbol: string): Promise<bigint | undefined>;
  /** Devices, live: the same rows as of a stream. @param label `name/instance` */
  devices(id: number): Promise<readonly string[]>;
  deviceFields(id: number, label: string): Promise<readonly Placed[]>;
  shared(id: number): Promise<SharedView>;

  addBreakpoint(id: number, breakpoint: BreakpointSpec): Promise<Breakpoint>;
  removeBreakpoint(id: number, breakpoint: number): Promise<void>;
  enableBreakpoint(id: number, breakpoint: number, enabled: boolean): Promise<void>;
  breakpoints(id: number): Promise<readonly Breakpoint[]>;

  /** Output of a serial port from its beginning here, then as it comes, batched. */
  serialOutput(id: number, port: number, told: (bytes: Uint8Array) => void): Promise<void>;
  serialInput(id: number, port: number, bytes: Uint8Array): Promise<void>;
  /** A key by QEMU's name (`sendkey`), or by the browser's KeyboardEvent.code. */
  key(id: number, code: string, down: boolean): Promise<void>;
  /** Right, down, wheel away from the person; buttons 1 left, 2 right, 4 middle. */
  mouse(id: number, dx: number, dy: number, dz: number, buttons: number): Promise<void>;
  /** Where the mouse is, 0 to 1 across and down, for guests that want it so (`absolute` of the display). */
  pointer(id: number, x: number, y: number, dz: number, buttons: number): Promise<void>;
  /** What has changed since a frame that is there; -1 where none is. */
  display(id: number, frame: number): Promise<DisplayAnswer>;
  /** One line of the human monitor; what it prints. */
  monitor(id: number, line: string): Promise<MonitorAnswer>;
  /** Gives a drive its image; the requests that waited go on. */
  attachDisk(id: number, drive: string, file: File): Promise<void>;
  /** The paused machine as a QEMU migration stream. */
  save(id: number): Promise<Blob>;

  /**
   * Moves the guest to a new machine beside this one while it runs. Resolves when it is over, however it ended; rejects
   * where it cannot begin.
   */
  migrate(id: number, request: MigrationRequest, told: (news: MigrationNews) => void): Promise<MigrationOutcome>;
  /**
   * Waits at a URI for a guest of a machine of the same plan, which goes on in a new machine beside this one. Resolves
   * when it is over, however it ended; `cancelMigration` ends the waiting.
   */
  receive(id: number, uri: string, told: (news: MigrationNews) => void): Promise<MigrationOutcome>;
  /** Told of what the monitor begins: `migrate` and `migrate_incoming` to and from sockets, with the outcome at the end. */
  watchMigrations(id: number, told: (news: MigrationNews, outcome?: MigrationOutcome) => void): Promise<void>;
  /** Where sockets are opened on the page's behalf. Without it they are refused. */
  useBridge(address: BridgeAddress): Promise<void>;
  /** Of the migration that is under way. */
  setMigration(id: number, settings: MigrationSettings): Promise<void>;
  cancelMigration(id: number): Promise<void>;
  /** Breaks the link. */
  cutLink(id: number): Promise<void>;
}

/** Where a page finds the bridge of `migrascope serve`, and what lets it in. */
export interface BridgeAddress {
  /** `ws://127.0.0.1:8470/bridge` */
  readonly url: string;
  readonly token: string;
}

/** What can be changed while a migration runs; what is left out stays. */
export interface MigrationSettings {
  /** max-bandwidth in bytes a second; 0: as fast as it goes. */
  readonly maxBandwidth?: number;
  /** downtime-limit in ms. */
  readonly downtimeLimit?: number;
  /** Of the link, in ms. */
  readonly latency?: number;
  /** Of the link, in bytes a second, whatever the sender may; 0: as fast as its ends. Only of one within the tab. */
  readonly linkBandwidth?: number;
}
export interface MigrationRequest extends MigrationSettings {
  readonly capabilities: readonly ('auto-converge' | 'xbzrle')[];
  /** The guest is stopped before the first page. */
  readonly stopFirst: boolean;
  /** `tcp:HOST:PORT` or `unix:PATH`; undefined: a second machine of this tab. */
  readonly to?: string;
}
/** What happened since the last word, and query-migrate now. */
export interface MigrationNews {
  readonly observations: readonly MigrationObservation[];
  readonly info: MigrationInfo;
}
export interface MigrationOutcome {
  readonly info: MigrationInfo;
  /** The machine that has the guest now; undefined where it stayed. */
  readonly arrived: { readonly id: number; readonly report: MachineReport } | undefined;
  /** The bytes that went through, as notes of a recording. */
  readonly stream?: Blob;
}

export interface MonitorAnswer {
  readonly text: string;
  /** What `migrate file:NAME` wrote. */
  readonly file?: { readonly name: string; readonly blob: Blob };
}

export interface DisplayAnswer {
  /** The machine has a screen. */
  readonly there: boolean;
  /** The guest wants to know where the mouse is, not how it moves. */
  readonly absolute: boolean;
  /** Undefined: nothing has changed. */
  readonly picture: DisplayFrame | undefined;
}

/** Rows of the picture that have changed; all of them where its size has. */
export interface DisplayFrame {
  readonly frame: number;
  readonly width: number;
  readonly height: number;
  /** First row of `rgba`. */
  readonly top: number;
  readonly rgba: Uint8ClampedArray<ArrayBuffer>;
}
