/** `migrascope system`: a headless machine with QEMU's command line, in one Node process. */
import { openSync, statSync } from 'node:fs';
import { ImageFormatError, insertImage, openImage } from '../lib/emulator/block/open-image.ts';
import { BootError, prepareBoot } from '../lib/emulator/boot.ts';
import { KernelError } from '../lib/emulator/hw/i386/load-linux.ts';
import { HostMemory, HostMemoryFull } from '../lib/emulator/host/memory.ts';
import { HostPace } from '../lib/emulator/host/pace.ts';
import { Machine, type ResetCause } from '../lib/emulator/machine.ts';
import { DEBUGCON_CHARDEV } from '../lib/emulator/isa-options.ts';
import { planOfOptions } from '../lib/emulator/machine-options.ts';
import { loadReceived, receive, waitForGuest, type Received } from '../lib/emulator/machine-incoming.ts';
import type { IdePlan } from '../lib/emulator/machine-plan.ts';
import { hmp, type MonitorSession } from '../lib/emulator/monitor/hmp.ts';
import { QmpServer, sendEvents, uriOfChannels, type QmpEvent } from '../lib/emulator/monitor/qmp.ts';
import { lackedOf } from '../lib/emulator/target/i386/cpu-support.ts';
import { rtcStart } from '../lib/emulator/system/rtc.ts';
import type { PortSpec } from '../lib/emulator/system/char-options.ts';
import { OptionError } from '../lib/emulator/system/qemu-option.ts';
import { optionNames, parseOptions, type MachineOptions } from '../lib/emulator/system/vl.ts';
import { romSizeOf, type VGAPlan } from '../lib/emulator/vga-plan.ts';
import { fromChunks } from '../lib/vmstate/source.ts';
import { bootFilesOf } from './boot-files.ts';
import { Exit, UsageError, type ExitCode, type RawCommand } from './command.ts';
import { Endpoints, multiplex, type Endpoint } from './endpoint.ts';
import { fileSource, InputError } from './file-source.ts';
import { fileSink } from './file-sink.ts';
import { readRecording, recordTo, replayOptions, type Recording, type ReplayOptions } from './replay-file.ts';
import { findFirmware, needFirmware } from './firmware.ts';
import type { Io } from './io.ts';
import { memoryFileOf, type MemoryFile } from './memory-file.ts';
import { connect as connectTo, incoming, listen, reason } from './migration-uri.ts';

function optionsOf(words: readonly string[]): MachineOptions {
  try {
    return parseOptions(words);
  } catch (error) {
    if (error instanceof OptionError) throw new UsageError(error.message);
    throw error;
  }
}

/** What -incoming names, if anything. */
function incomingUri({ incoming: [uri, ...more] }: MachineOptions): string | undefined {
  if (more.length > 0) throw new UsageError('-incoming: one channel is supported');
  if (!uri?.startsWith('{')) return uri;
  try {
    return uriOfChannels([JSON.parse(uri)]);
  } catch (error) {
    throw new UsageError(`-incoming ${uri}: ${(error as Error).message}`);
  }
}

/** A sender that is still to come: the machine waits for it. What lies in a file says itself of what machine it is. */
const isLive = (uri: string | undefined): boolean => uri !== undefined && /^(defer$|tcp:|unix:)/.test(uri);

async function received(uri: string | undefined, ram: MemoryFile | undefined, io: Io): Promise<Received | undefined> {
  if (uri === undefined || isLive(uri)) return undefined;
  const stream = await incoming(uri, (message) => io.err(message));
  return receive(fromChunks(stream), ram ? { sharedRam: [ram.source] } : {});
}

/** Source: target/i386/cpu.c mark_unavailable_features, x86_cpu_realizefn. */
function checkCpu(cpu: string, io: Io): void {
  const { lacked, enforce } = lackedOf(cpu);
  for (const name of lacked) io.err(`warning: TCG doesn't support requested feature: ${name}`);
  if (enforce && lacked.length > 0) throw new InputError("TCG doesn't support requested features");
}

/** A disk tells its size when it is made; a CD may come later. */
function withSize(drive: IdePlan, file: string | undefined): IdePlan {
  if (drive.kind === 'cd') return drive;
  if (file === undefined) throw new UsageError(`drive ${drive.id}: a disk needs a file`);
  try {
    return { ...drive, size: statSync(file).size };
  } catch (error) {
    throw new InputError(`Could not open '${file}': ${reason(error as Error)}`);
  }
}

/** The VGA with a ROM as large as the stream's, or its file. */
function withRom(vga: VGAPlan, sent: VGAPlan | undefined, paths: readonly string[]): VGAPlan {
  if (sent || vga.romfile === undefined) return { ...vga, romSize: sent?.romSize ?? vga.romSize };
  return { ...vga, romSize: romSizeOf(needFirmware(vga.romfile, paths).length) };
}

/** The machine that the options describe, with what the stream says of its devices where it has them. */
function machineFor(
  options: MachineOptions,
  received: Received | undefined,
  biosSize: number | undefined,
  replay: ReplayOptions
): { machine: Machine; files: Map<string, string>; recording?: Recording; hostTime: bigint } {
  const { plan, drives } = planOfOptions(options, received?.snapshot.configuration?.machine);
  const sent = received?.planned.plan;
  const seen = new Map(sent?.virtioBlk.map((blk) => [blk.slot, blk]));
  const recording = replay.rr === 'replay' ? readRecording(replay.file!) : undefined;
  if (recording && recording.machine !== plan.machine)
    throw new InputError(`'${replay.file}' was recorded of '${recording.machine}', this is '${plan.machine}'`);
  const shift = recording ? recording.shift : replay.shift;
  const hostTime = recording?.hostTime ?? rtcStart(options.rtc, Date.now());
  const machine = new Machine(
    {
      ...plan,
      ...(biosSize === undefined ? {} : { biosSize }),
      vga: plan.vga && withRom(plan.vga, sent?.vga, options.firmwarePaths),
      ide: plan.ide.map((drive) => drive && withSize(drive, drives.get(drive.id)?.file)),
      virtioBlk: plan.virtioBlk.map((blk) => ({ ...(seen.get(blk.slot) ?? blk), id: blk.id, serial: blk.serial }))
    },
    {
      ...{ host: new HostMemory(), pace: new HostPace(), hostTime },
      ...(shift === undefined ? {} : { icountShift: shift }),
      ...(replay.rr === undefined ? {} : { timeTravel: {} })
    }
  );
  const files = new Map([...drives].flatMap(([id, { file }]) => (file === undefined ? [] : [[id, file] as const])));
  return { machine, files, hostTime, ...(recording ? { recording } : {}) };
}

async function attachDrives(
  machine: Machine,
  options: MachineOptions,
  files: ReadonlyMap<string, string>,
  io: Io
): Promise<void> {
  for (const { plan, blk } of machine.drives) {
    const path = files.get(plan.id);
    blk.onWait = (reason) => reason !== undefined && io.err(`${plan.id}: ${reason}`);
    if (path === undefined) continue;
    const drive = options.drives.find((d) => d.id === plan.id)!;
    const readonly = drive.readonly || drive.snapshot || options.snapshot;
    let fd: number;
    try {
      fd = openSync(path, readonly ? 'r' : 'r+');
    } catch (error) {
      throw new InputError(`Could not open '${path}': ${reason(error as Error)}`);
    }
    const image = await openImage(fileSource(fd), {
      ...{ format: drive.format, sink: readonly ? undefined : fileSink(fd) }
    });
    if (image.readOnly && !readonly) io.err(`${plan.id}: what is written to '${path}' is not kept: qcow2 is only read`);
    const refusal = insertImage(blk, image, drive.readonly);
    if (refusal !== undefined) throw new InputError(refusal);
  }
}

const PROMPT = '(qemu) ';
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Lines in, answers out. */
function serveMonitor(session: MonitorSession, wire: Endpoint, greet: boolean): void {
  const write = (text: string): void => wire.write(encode(text.replaceAll('\n', '\r\n')));
  if (greet) write(`${session.machine.machine} monitor - type 'help' for more information\n${PROMPT}`);
  let line = '';
  let busy: Promise<void> = Promise.resolve();
  wire.onData((bytes) => {
    for (const byte of bytes) {
      if (byte === 13 || byte === 10) {
        const command = line;
        line = '';
        write('\n');
        busy = busy.then(async () => {
          const answer = await hmp(session, command);
          write(`${answer === '' ? '' : `${answer}\n`}${PROMPT}`);
        });
      } else if (byte === 127 || byte === 8) {
        if (line !== '') write('\b \b');
        line = line.slice(0, -1);
      } else if (byte >= 32 && line.length < 4096) {
        line += String.fromCharCode(byte);
        write(String.fromCharCode(byte));
      }
    }
  });
}

/** JSON both ways. */
function serveQmp(session: MonitorSession, wire: Endpoint): QmpEvent {
  const server = new QmpServer(session, (line) => wire.write(encode(`${line}\r\n`)));
  const decoder = new TextDecoder();
  // 0xff is no UTF-8: it has the server forget what was begun.
  wire.onData((bytes) =>
    server.feed(
      decoder.decode(
        bytes.map((byte) => (byte === 0xff ? 0 : byte)),
        { stream: true }
      )
    )
  );
  return server.event;
}

interface Wires {
  readonly all: readonly Endpoint[];
  /** To all QMP monitors. */
  readonly tell: QmpEvent;
}

async function connect(machine: Machine, options: MachineOptions, session: MonitorSession): Promise<Wires> {
  const endpoints = new Endpoints(options.chardevs);
  const open = (spec: PortSpec): Promise<Endpoint> => endpoints.open(spec);
  const serials =
    options.serials.length > 0 ? options.serials : options.nographic ? [{ kind: 'stdio', mux: true } as const] : [];
  for (const [n, spec] of serials.entries()) {
    const chr = machine.serials[n];
    if (!chr) continue;
    let wire = await open(spec);
    if (spec.mux) {
      const both = multiplex(
        wire,
        () => session.host.quit(),
        () => chr.sendBreak()
      );
      serveMonitor(session, both.monitor, false);
      wire = both.console;
    }
    chr.onOutput = (bytes) => wire.write(bytes);
    wire.onData((bytes) => machine.serialInput(n, bytes));
  }
  const [printer] = options.parallels;
  if (machine.parallel && printer) {
    const wire = await open(printer);
    machine.parallel.onOutput = (bytes) => wire.write(bytes);
  }
  for (const [id, chr] of machine.chardevs) {
    const own = id === DEBUGCON_CHARDEV ? options.debugcon : undefined;
    const wire = await open(own ?? { kind: 'id', id });
    chr.onOutput = (bytes) => wire.write(bytes);
    if (!own) wire.onData((bytes) => machine.input(id, bytes));
  }
  for (const spec of options.monitors) serveMonitor(session, await open(spec), true);
  const qmps: QmpEvent[] = [];
  for (const spec of options.qmps) qmps.push(serveQmp(session, await open(spec)));
  return { all: endpoints.all, tell: (event, data) => qmps.forEach((tell) => tell(event, data)) };
}

/** Returns whether the machine may run. */
async function load(machine: Machine, received: Received, io: Io): Promise<boolean> {
  const { problems } = await loadReceived(machine, received);
  for (const p of problems) {
    io.err(`${p.severity}: ${p.section === undefined ? '' : `${p.section}: `}${p.message} (at ${p.at})`);
    if (p.hint !== undefined) io.err(`  ${p.hint}`);
  }
  return !problems.some((p) => p.severity === 'fatal');
}

/** Takes the guest of who connects. Without one there is nothing to run. */
async function receiveGuest(
  { incoming, host }: MonitorSession,
  uri: string,
  io: Io,
  failed: () => void
): Promise<void> {
  const { problems } = await incoming!.start(() => host.listen(uri));
  for (const p of problems) if (p.severity !== 'note') io.err(`${p.severity}: ${p.message}`);
  const { status, 'error-desc': why } = incoming!.info();
  if (status !== 'failed') return;
  io.err(why ?? 'load of migration failed');
  failed();
}

async function runMachine(options: MachineOptions, io: Io): Promise<ExitCode> {
  const uri = incomingUri(options);
  const ram = memoryFileOf(options);
  const incoming = await received(uri, ram, io);
  const boot = bootFilesOf(options, uri !== undefined);
  const replay = replayOptions(options.icount);
  checkCpu(options.cpu, io);
  const { machine, files, recording, hostTime } = machineFor(options, incoming, boot?.bios?.length, replay);
  await attachDrives(machine, options, files, io);
  const ramBlock = machine.physmem.block(machine.plan.ramName)!;
  ram?.read(ramBlock);
  if (boot) {
    const romfile = machine.plan.vga?.romfile;
    const vgaRom =
      uri !== undefined || romfile === undefined ? undefined : findFirmware(romfile, options.firmwarePaths);
    prepareBoot(machine, { ...boot, vgaRom });
  }
  machine.reset();
  if (incoming && !(await load(machine, incoming, io))) return Exit.failed;
  let quit: (code: ExitCode) => void = () => {};
  const ended = new Promise<ExitCode>((resolve) => (quit = resolve));
  let tell: QmpEvent = () => {};
  const session: MonitorSession = {
    machine,
    host: {
      ...{ connect: connectTo, detaches: true, listen: (from) => listen(from, (message) => io.err(message)) },
      quit() {
        tell('SHUTDOWN', { guest: false, reason: 'host-qmp-quit' });
        quit(Exit.done);
      }
    },
    incoming: isLive(uri) ? waitForGuest(machine, !options.paused) : undefined
  };
  if (machine.plan.pci.some(({ kind }) => kind === 'e1000' || kind === 'virtio-net'))
    io.err('the network is a local one, without a way out: it answers DHCP and ping');
  const wires = await connect(machine, options, session);
  ({ tell } = wires);
  sendEvents(session, tell);
  const { onShutdown } = machine;
  /** Source: qemu_system_shutdown_request, main_loop_should_exit. */
  const shutdown = (reason: ResetCause | 'guest-shutdown', status: number): void => {
    tell('SHUTDOWN', { guest: reason !== 'host-qmp-system-reset', reason });
    onShutdown();
    if (!options.noShutdown) quit(status & 0xff);
  };
  machine.onReset = (cause) => {
    if (options.noReboot) return shutdown(cause, Exit.done);
    tell('RESET', { guest: cause === 'guest-reset', reason: cause });
    machine.reset();
  };
  machine.onShutdown = (status = Exit.done) => shutdown('guest-shutdown', status);
  const killed = (): void => {
    tell('SHUTDOWN', { guest: false, reason: 'host-signal' });
    quit(Exit.done);
  };
  process.once('SIGTERM', killed);
  if (!options.nographic) process.once('SIGINT', killed);
  const sink = replay.rr === 'record' && replay.file !== undefined;
  const kept = machine.drives.find(({ blk }) => replay.rr !== undefined && !blk.canCapture);
  if (kept)
    throw new UsageError(
      `-icount rr: drive ${kept.blk.name} is written to: add snapshot=on, so that a run can be repeated`
    );
  const file = sink ? recordTo(replay.file!, machine.machine, replay, hostTime) : undefined;
  if (file) machine.timeTravel.sink = file;
  machine.timeTravel.filename = replay.file;
  if (recording) {
    machine.timeTravel.startReplay(recording.log);
    machine.runstate.onChange((_state, running) => {
      const { stopped } = machine.runstate;
      if (!running && stopped?.kind === 'replay-end') io.err('the recording ends here; cont goes on without it');
      if (stopped?.kind === 'internal-error') io.err(stopped.message);
    });
  }
  if (session.incoming && uri !== 'defer') void receiveGuest(session, uri!, io, () => quit(Exit.failed));
  if (incoming) machine.startIncoming(!options.paused);
  else if (!session.incoming && !options.paused) machine.start();
  const keepRam = (): void => {
    try {
      ram?.write(ramBlock);
    } catch (error) {
      io.err((error as Error).message);
    }
  };
  machine.runstate.onChange((_state, running) => running || keepRam());
  // A paused machine whose monitor has been left has nothing else that keeps the process.
  const alive = setInterval(() => undefined, 2 ** 31 - 1);
  const code = await ended;
  clearInterval(alive);
  await machine.stop();
  keepRam();
  ram?.close();
  file?.close();
  for (const wire of wires.all) wire.close();
  return code;
}

export const system: RawCommand = {
  name: 'system',
  summary: 'runs a machine with QEMU’s command line',
  usage: '[QEMU OPTIONS]',
  help: `Options as of qemu-system-x86_64; an unknown or unsupported one is an error that names it. There are:

  ${optionNames()
    .map((name) => `-${name}`)
    .join(' ')
    .replace(/(.{1,90})(?: |$)/g, '$1\n  ')
    .trim()}

  migrascope system -M pc -m 512 -nographic -nic none -drive file=disk.img,if=virtio,format=raw \\
    -incoming 'exec:cat vm.state'

-bios none starts the -kernel without firmware: a bzImage, a multiboot kernel, or an ELF file with a
PVH entry. Memory map, ACPI and SMBIOS tables are put where it looks for them.

Ctrl+A h tells the keys of -nographic, 'help' in the monitor its commands.`,
  async run(words, io) {
    try {
      return await runMachine(optionsOf(words), io);
    } catch (error) {
      if (error instanceof OptionError || error instanceof ImageFormatError) throw new UsageError(error.message);
      if (error instanceof HostMemoryFull || error instanceof BootError || error instanceof KernelError)
        throw new InputError(error.message);
      throw error;
    }
  }
};
