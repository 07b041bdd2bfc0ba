/**
 * A whole PC: CPU, board, devices, clocks, and the loop that runs them. It knows nothing of pages, sockets or files:
 * those give it character devices and images. What QEMU's `current_machine` is.
 */
import { CPU_BYTES, TcgCpu } from './accel/tcg/cpu-exec.ts';
import { BlockBackend } from './block/block-backend.ts';
import { Completions } from './block/completions.ts';
import { Chardev } from './chardev/char.ts';
import type { HostMemory, HostRange } from './host/memory.ts';
import { VirtIOBlk, vmstate_virtio_blk } from './hw/block/virtio-blk.ts';
import { pcOf } from './cpu-view.ts';
import { vmstate_cpu_common } from './hw/core/cpu.ts';
import { DeviceList, type Device } from './hw/core/qdev.ts';
import { plugISA } from './hw/i386/pc-isa.ts';
import { KVMClock } from './hw/i386/kvm/clock.ts';
import { FERR_IRQ } from './hw/i386/pc.ts';
import { lowmemOf, pcPiix, type PCPiix } from './hw/i386/pc_piix.ts';
import type { VmportCpu } from './hw/i386/vmport.ts';
import type { IDEDriveOptions } from './hw/ide/ide-registers.ts';
import { devfnOf } from './hw/pci/pci_device.ts';
import { VirtioPCI } from './hw/virtio/virtio-pci-proxy.ts';
import type { RunState, StopReason } from './machine-api.ts';
import { type FloppyPlan, machineVersion, type IdePlan, type MachinePlan, type VirtioBlkPlan } from './machine-plan.ts';
import { MachineUi } from './machine-ui.ts';
import { vmstate_globalstate, type GlobalState } from './migration/global_state.ts';
import type { SectionSlot } from './migration/incoming.ts';
import { makePCIDevice } from './pci-devices.ts';
import { Migration, type LiveMachine } from './migration/migration.ts';
import { takeChanges } from './replay/by-hand.ts';
import { Inputs } from './replay/inputs.ts';
import { TimeTravel, type TimeTravelOptions } from './replay/time-travel.ts';
import { vmstate_timers } from './system/cpu-timers.ts';
import { Cpus, type Pace } from './system/cpus.ts';
import type { ApicInterrupt } from './system/local-apic.ts';
import { AddressSpace } from './system/memory.ts';
import type { PhysMem } from './system/physmem.ts';
import { isRunState, RunStateMachine } from './system/runstate.ts';
import { VirtualClock } from './system/virtual-clock.ts';
import { hasFeature } from './target/i386/control-registers.ts';
import { cpuModel, supportedFeatures } from './target/i386/cpu-models.ts';
import { CpuVmState } from './target/i386/env-state.ts';
import { cpuid_version } from './target/i386/cpuid.ts';
import { CPU_INTERRUPT } from './target/i386/env.ts';
import { SEMANTICS } from './target/i386/isa/semantics/registry.ts';
import { TABLE } from './target/i386/isa/table.ts';
import { vmstate_x86_cpu } from './target/i386/machine.ts';
import { cpu_realize, cpu_reset, x86_cpu_set_a20 } from './target/i386/reset.ts';
import type { CpuOutside } from './target/i386/x86-cpu.ts';
import { cpu_set_ignne } from './target/i386/tcg/fpu-stack.ts';
import { QEMUClock, type Clocks } from './util/qemu-timer.ts';

const NS_A_MS = 1_000_000n;
/** Messages of guest errors that are kept. */
const MAX_LOG = 1000;
/** Bit of CPUID's leaf 1, ECX. */
const X2APIC = 21;

const APIC_INTERRUPTS: Readonly<Record<ApicInterrupt, number>> = {
  HARD: CPU_INTERRUPT.HARD,
  SMI: CPU_INTERRUPT.SMI,
  NMI: CPU_INTERRUPT.NMI,
  INIT: CPU_INTERRUPT.INIT,
  SIPI: CPU_INTERRUPT.SIPI
};

export interface MachineEnvironment {
  readonly host: HostMemory;
  readonly pace: Pace;
  /** ns since 1970, for the RTC; read once. */
  readonly hostTime: bigint;
  /** Paced by instructions: so many ns each, as a power of two. Undefined: by the real clock. */
  readonly icountShift?: number;
  readonly timeTravel?: TimeTravelOptions;
}

const FLOPPY = { removable: true } as const;

/** Why a machine is reset. Source: qapi/run-state.json ShutdownCause. */
export type ResetCause = 'guest-reset' | 'host-qmp-system-reset';

/** A drive with its place in the machine. */
export interface MachineDrive {
  readonly plan: VirtioBlkPlan | IdePlan | FloppyPlan;
  /** `virtio-blk-pci at 00:03.0`. */
  readonly device: string;
  readonly blk: BlockBackend;
}

export class Machine implements LiveMachine {
  readonly plan: MachinePlan;
  readonly machine: string;
  readonly devices = new DeviceList();
  readonly runstate = new RunStateMachine();
  readonly time: VirtualClock;
  readonly clocks: Clocks;
  readonly board: PCPiix;
  readonly cpu: TcgCpu;
  readonly cpus: Cpus;
  readonly completions = new Completions();
  /** What comes from outside, by the name of what takes it: `serial0`, `reset`. */
  readonly inputs = new Inputs();
  readonly ui: MachineUi;
  readonly timeTravel: TimeTravel;
  /** Ports by number; undefined where there is none. */
  readonly serials: readonly (Chardev | undefined)[];
  readonly parallel: Chardev | undefined;
  readonly drives: readonly MachineDrive[];
  /** Those of the plan's ISA devices, by id. */
  readonly chardevs: ReadonlyMap<string, Chardev>;
  /** What the machine did when its state was taken: `running`, or why it stood still. */
  readonly globalState: GlobalState = {
    ...{ size: 8, runstate: 'running', has_vm_was_suspended: 0, vm_was_suspended: 0, unused: new Uint8Array(66) }
  };
  /** What the guest did that QEMU would log. */
  readonly guestErrors: string[] = [];
  layout: readonly SectionSlot[] = [];
  /** On its way to another host. */
  readonly migration: Migration;
  /** The guest asked for a reset; what to do is the owner's choice (-no-reboot). */
  onReset: (cause: ResetCause) => void = () => this.reset();
  /** The power button was pressed; the guest hears of it by ACPI. */
  onPowerdown: () => void = () => {};
  /** The CPU met a breakpoint, or was asked to stop for what is watched. Returns whether the machine stops. */
  onDebug: () => boolean = () => true;
  /** Between two slices, when all is done that was due. */
  onSlice: () => void = () => {};
  /** The guest asked to be switched off, perhaps with an exit status; what to do is the owner's choice (-no-shutdown). */
  onShutdown: (status?: number) => void = () => this.#halt('shutdown', { kind: 'shutdown' });
  readonly #host: HostMemory;
  readonly #cpuMemory: HostRange;
  /** What the guest asked for: done between two slices. */
  #wanted: (() => void) | undefined;

  constructor(plan: MachinePlan, { host, pace, hostTime, icountShift, timeTravel }: MachineEnvironment) {
    this.plan = plan;
    this.machine = plan.machine;
    this.#host = host;
    this.#hostTime = hostTime;
    // Devices look at the clock while they are made; the CPU comes after the memory that it runs in.
    let cpu: TcgCpu | undefined;
    this.time = new VirtualClock(() => cpu?.icount ?? 0n, icountShift);
    this.clocks = {
      virtual: new QEMUClock(() => this.time.now()),
      // Host time is the moment of the start and virtual time from there: one clock drives all.
      host: new QEMUClock(() => this.#hostTime + this.time.now() - this.#hostBase)
    };
    const log = (device: string, message: string): void => {
      if (this.guestErrors.length < MAX_LOG) this.guestErrors.push(`${device}: ${message}`);
    };
    this.serials = plan.serials.map((there, n) => (there ? new Chardev(`serial${n}`) : undefined));
    this.parallel = plan.parallel ? new Chardev('parallel0') : undefined;
    this.devices.add({
      ...{ idstr: 'timer', vmsd: vmstate_timers, state: this.time },
      preSave: () => this.time.preSave(),
      postLoad: () => {
        this.time.postLoad();
        this.#hostBase = this.time.now();
      }
    });
    const supported = supportedFeatures(TABLE, (name) => SEMANTICS.has(name));
    const model = cpuModel(plan.cpu, supported);
    if (!model) throw new RangeError(`unable to find CPU model '${plan.cpu}'`);
    const ide = plan.ide.map((drive) => drive && this.#ideDrive(drive));
    const floppies = plan.floppies?.map(
      (drive) =>
        drive && { plan: drive, type: drive.type, blk: new BlockBackend(drive.id, this.completions, undefined, FLOPPY) }
    );
    this.#cpuMemory = host.allocate('CPU 0', CPU_BYTES);
    this.board = pcPiix(
      host,
      {
        ...{ machine: plan.machine, version: machineVersion(plan.machine), uuid: plan.uuid },
        firmwareCpu: { vendor: model.vendor, version: cpuid_version(model), features: model.features['1_EDX'] ?? 0 },
        ...{ ramName: plan.ramName, memory: plan.memory, lowmem: lowmemOf(plan.memory) },
        ...{ biosSize: plan.biosSize, hpet: plan.hpet, serials: this.serials, clocks: this.clocks, log },
        cpu: {
          interrupt: (kind) => this.cpu.interrupt(APIC_INTERRUPTS[kind]),
          resetInterrupt: () => this.cpu.resetInterrupt(CPU_INTERRUPT.HARD),
          startUp() {},
          // CPUID looks at the MSR itself.
          setApicFeature() {},
          tscDeadlinePassed: () => this.cpu.env.set64('tsc_deadline', 0n),
          x2apic: hasFeature(model, '1_ECX', X2APIC)
        },
        a20: (level) => x86_cpu_set_a20(this.cpu, level !== 0),
        ignne: () => cpu_set_ignne(this.cpu),
        ...{ acpi: plan.acpi, parallel: this.parallel },
        ide: ide.map((drive) => drive?.options),
        floppies,
        tprOpt: plan.tprOpt ? () => Number(pcOf(this.cpu)) : undefined,
        vmport: plan.vmport ? { cpu: this.#vmportCpu(), memory: plan.memory, uuid: plan.uuid } : undefined,
        vga: plan.vga,
        resetRequest: () => this.#request(() => this.onReset('guest-reset')),
        shutdownRequest: () => this.#request(() => this.onShutdown()),
        suspendRequest: () => this.#request(() => this.#halt('suspended'))
      },
      this.devices
    );
    const { pc } = this.board;
    this.cpu = cpu = new TcgCpu({
      ...{ memory: host.memory, base: this.#cpuMemory.offset, pageFlags: pc.physmem.pageFlags },
      ...{ pageMap: pc.pages.base, physical: pc.cpuMemory, model, outside: this.#outside() },
      firstWrite: (page) => pc.physmem.onFirstWrite(page)
    });
    pc.physmem.pageWriters = cpu.pageWriters;
    pc.physmem.onCodeWrite = (page) => this.cpu.codeWritten(page);
    pc.physmem.onProtect = () => this.cpu.dirtyCleared();
    pc.pages.onChange = () => this.cpu.flushAll();
    this.#addCpuSections();
    this.drives = [
      ...ide.flatMap((drive) =>
        drive ? [{ plan: drive.plan, device: `ide-${drive.plan.kind} at 00:01.1`, blk: drive.options.blk }] : []
      ),
      ...(floppies ?? []).flatMap((drive) => (drive ? [{ plan: drive.plan, device: 'floppy', blk: drive.blk }] : [])),
      ...plan.virtioBlk.map((blk) => this.#addVirtioBlk(blk))
    ];
    this.chardevs = this.#addPluggable(plan, hostTime);
    if (this.board.acpi) this.devices.add(this.board.acpi);
    this.devices.add({
      ...{ idstr: 'globalstate', vmsd: vmstate_globalstate, state: this.globalState },
      // QEMU 7.2 says 8 for "running" with its NUL, and so do all since.
      preSave: () => (this.globalState.size = this.globalState.runstate.length + 1)
    });
    cpu_realize(this.cpu);
    cpu_reset(this.cpu);
    this.cpus = new Cpus({
      ...{ processor: this.cpu, time: this.time, clocks: this.clocks, pace, icount: icountShift !== undefined },
      requests: () => this.requests(),
      deliver: () => {
        this.completions.run();
        this.inputs.run();
        this.requests();
        this.onSlice();
      },
      pending: () => this.completions.pending > 0,
      drain: () => this.completions.drain(),
      untilBefore: () => this.timeTravel.untilCheckpoint(),
      before: () => this.timeTravel.beforeSlice(),
      debug: () => {
        this.#debugging = true;
        const stops = this.onDebug();
        this.#debugging = false;
        return stops;
      },
      failed: (error) => this.#failed(error)
    });
    this.completions.onReady = () => this.cpus.wake();
    this.inputs.onArrival = () => this.cpus.wake();
    if (icountShift !== undefined) this.completions.onStart = () => this.cpus.leaveSlice();
    this.migration = new Migration(this, () => pace.yield());
    const withInput = [...this.serials, ...this.chardevs.values()].flatMap((chr) => chr ?? []);
    const chardevs = [...withInput, ...(this.parallel ? [this.parallel] : [])];
    for (const chr of withInput) this.inputs.register(chr.label, (bytes) => chr.input(bytes));
    takeChanges(this);
    this.ui = new MachineUi(this.board, this.inputs);
    const { cpu: processor, devices, time, clocks, completions } = this;
    const drives = this.drives.map(({ blk }) => blk);
    const parts = { cpu: processor, devices, time, clocks, completions, chardevs, drives };
    this.timeTravel = new TimeTravel(this, parts, pace, timeTravel);
    this.runstate.onChange((_state, running) => {
      if (this.timeTravel.inPast) return;
      this.timeTravel.running(running ? 'start' : this.#debugging ? 'stop-debug' : 'stop');
      this.tellDevices(running);
    });
  }
  #debugging = false;
  /** The host's clock, and virtual time, when the machine was started or loaded. */
  #hostTime = 0n;
  #hostBase = 0n;

  /** The host's clock has gone on while the machine waited for its guest. @param ns since 1970 */
  setHostTime(ns: bigint): void {
    this.#hostTime = ns;
    this.#hostBase = this.time.now();
  }

  get physmem(): PhysMem {
    return this.board.pc.physmem;
  }
  get memory(): AddressSpace {
    return this.board.pc.memory;
  }

  /** Goes on. Source: vm_start. */
  start(): void {
    if (this.runstate.running) return;
    if (this.timeTravel.inPast) {
      void this.#runAgain();
      return;
    }
    this.#goOn();
    this.cpus.start();
  }

  /** In its past it does what it did, until where the recording ends. */
  async #runAgain(): Promise<void> {
    this.runstate.set('running');
    try {
      const ended = await this.timeTravel.playOn();
      if (this.runstate.running) this.runstate.set('paused', { kind: ended === 'end' ? 'replay-end' : 'pause' });
    } catch (error) {
      this.#failed(error);
    }
  }

  #goOn(): void {
    this.#vmState?.resume();
    this.runstate.set('running');
    this.cpus.enter();
  }

  /** Devices go on, or know that the machine stands. */
  tellDevices(running: boolean): void {
    for (const { device } of this.devices.entries) device.vmStateChange?.(running);
  }

  /** What `start` does to the guest, where the machine is not to run by itself. */
  enter(): void {
    this.#vmState?.resume();
    this.tellDevices(true);
    this.cpus.enter();
  }

  /** Does what the guest asked for. To be called between two slices. */
  requests(): void {
    const wanted = this.#wanted;
    this.#wanted = undefined;
    wanted?.();
  }

  /** After a load: goes on as the sender was. Source: process_incoming_migration_bh. */
  startIncoming(autostart: boolean): void {
    const { runstate } = this.globalState;
    if (runstate === 'running' && autostart) this.start();
    else this.runstate.set(isRunState(runstate) && runstate !== 'running' ? runstate : 'paused');
  }

  /** Stops for a migration; the stream says what it did until then. Source: global_state_store. */
  async stopForMigration(): Promise<void> {
    const { state } = this.runstate;
    await this.stop();
    this.globalState.runstate = state;
    this.globalState.has_vm_was_suspended = 1;
    this.globalState.vm_was_suspended = state === 'suspended' ? 1 : 0;
    this.runstate.set('finish-migrate');
  }

  /** Resolves when nothing runs any more and no request is under way. Source: vm_stop, bdrv_drain_all. */
  async stop(): Promise<void> {
    await this.timeTravel.pause();
    await this.cpus.stop();
    if (!this.timeTravel.inPast) await this.completions.drain();
    if (this.runstate.running) this.runstate.set('paused', { kind: 'pause' });
  }

  /**
   * So many instructions on a stopped machine, which is stopped again afterwards. Timers run at their instruction.
   * @param goOn asked after each instruction, where it is given
   */
  step(instructions: number, goOn?: () => boolean): void {
    try {
      this.#goOn();
      this.timeTravel.beforeStep();
      this.cpus.step(instructions, goOn);
      if (this.runstate.running) this.runstate.set('paused', { kind: 'step' });
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Bytes typed at a serial port. */
  serialInput(port: number, bytes: Uint8Array): void {
    if (this.serials[port]) this.inputs.post(`serial${port}`, bytes);
  }

  /** Bytes for a character device of -chardev, by its id. */
  input(id: string, bytes: Uint8Array): void {
    if (this.chardevs.has(id)) this.inputs.post(id, bytes);
  }

  /** Source: qemu_system_reset, main_loop_should_exit. */
  reset(): void {
    cpu_reset(this.cpu);
    this.devices.reset();
    this.cpu.flushAll();
    const { running, state } = this.runstate;
    if (!running && state !== 'inmigrate' && !this.timeTravel.inPast) this.runstate.set('prelaunch');
  }

  #failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.runstate.set('internal-error', { kind: 'internal-error', message });
  }

  /** Gives the memory back. The machine must not run. */
  destroy(): void {
    this.board.pc.pages.destroy();
    this.physmem.destroy();
    this.#host.release(this.#cpuMemory);
  }

  #request(what: () => void): void {
    this.#wanted = what;
    this.cpus.leaveSlice();
  }

  /** No instruction runs any more. */
  #halt(state: RunState, reason?: StopReason): void {
    if (this.timeTravel.inPast) return; // when it happened first, it stopped
    void this.cpus.stop();
    this.runstate.set(state, reason);
  }

  #vmportCpu(): VmportCpu {
    const place = { eax: 0, ecx: 1, edx: 2, ebx: 3, esi: 6, edi: 7 } as const;
    return {
      get: (name) => Number(this.cpu.env.get64('regs', place[name]) & 0xffff_ffffn),
      set: (name, value) => this.cpu.env.set64('regs', BigInt(value), place[name])
    };
  }

  #ideDrive(plan: IdePlan): { readonly plan: IdePlan; readonly options: IDEDriveOptions } {
    const cd = plan.kind === 'cd';
    const blk = new BlockBackend(plan.id, this.completions, undefined, { removable: cd, readOnly: cd });
    if (plan.size !== undefined) blk.expectSize(plan.size);
    return { plan, options: { kind: plan.kind, blk } };
  }

  /** What -device puts in, but disks. Returns what is behind it. */
  #addPluggable({ isa, pci }: MachinePlan, seed: bigint): ReadonlyMap<string, Chardev> {
    const { pc } = this.board;
    const chardevs = new Map<string, Chardev>();
    const chardev = (id: string): Chardev => {
      const chr = chardevs.get(id) ?? new Chardev(id);
      chardevs.set(id, chr);
      return chr;
    };
    const bus = { host: pc, memory: pc.map.pci, irqs: pc.isaIrqs, chardev };
    const exit = (status: number): void => this.#request(() => this.onShutdown(status));
    for (const spec of isa) this.devices.add(plugISA({ ...bus, exit }, spec));
    const version = machineVersion(this.machine);
    const slots = { host: pc, bus: this.board.bus, chardev, seed, version };
    for (const spec of pci) this.devices.add(makePCIDevice(spec, slots));
    return chardevs;
  }

  #vmState: CpuVmState | undefined;
  #addCpuSections(): void {
    const state = new CpuVmState(this.cpu);
    this.#vmState = state;
    const sections: readonly Device[] = [
      {
        ...{ idstr: 'cpu_common', vmsd: vmstate_cpu_common, state: state.common },
        preSave: () => state.cpu_common_pre_save(),
        postLoad: () => state.cpu_common_post_load()
      },
      {
        ...{ idstr: 'cpu', vmsd: vmstate_x86_cpu, state: state.cpu },
        preLoad: () => state.cpu_pre_load(),
        preSave: () => state.cpu_pre_save(),
        postLoad: () => state.cpu_post_load()
      }
    ];
    for (const section of sections) this.devices.add(section);
    if (!this.plan.kvmclock) return;
    this.devices.add(
      new KVMClock({
        memory: this.memory,
        systemTimeMsr: () => state.cpu.env.system_time_msr ?? 0n,
        tsc: () => this.time.ticks() + this.cpu.env.get64('tsc_offset'),
        ticksPerSecond: () => this.time.ticksPerSecond,
        now: () => this.time.now()
      })
    );
  }

  #addVirtioBlk(plan: VirtioBlkPlan): MachineDrive {
    const blk = new BlockBackend(plan.id, this.completions);
    if (plan.size !== undefined) blk.expectSize(plan.size);
    const { numQueues, queueSize, discard, writeZeroes, serial = '' } = plan;
    const device = new VirtIOBlk(this.board.pc, { blk, numQueues, queueSize, discard, writeZeroes, serial });
    const { vectors, disableLegacy, disableModern } = plan;
    const pci = new VirtioPCI(this.board.bus, devfnOf(plan.slot, 0), device, vmstate_virtio_blk, {
      ...{ vectors, disableLegacy, disableModern }
    });
    this.devices.add(pci);
    return { plan, device: `virtio-blk-pci at 00:${plan.slot.toString(16).padStart(2, '0')}.0`, blk };
  }

  #outside(): CpuOutside {
    const { pc } = this.board;
    const { apic } = pc;
    const log = (message: string): void => pc.log('cpu', message);
    return {
      tsc: () => this.time.ticks(),
      ioRead: (port, size) => pc.ports.in(port, size),
      ioWrite: (port, value, size) => pc.ports.out(port, value, size),
      interruptVector: () => apic.interruptVector(),
      apicBase: () => apic.apicBase(),
      setApicBase: (value) => apic.setApicBase(value),
      apicTpr: () => apic.cr8(),
      setApicTpr: (value) => apic.setCr8(value),
      apicMsrRead: (index) => apic.msrRead(index),
      apicMsrWrite: (index, value) => apic.msrWrite(index, value),
      tscDeadline: (value) => apic.setTscDeadline(this.#tscDeadline(value)),
      ferr: () => pc.isaIrqs[FERR_IRQ]!(1),
      smm: (on) => this.board.smm(on),
      tripleFault: () => this.#request(() => this.onReset('guest-reset')),
      log
    };
  }

  /** The moment at which the time stamp counter reaches a value, in ns of the virtual clock. */
  #tscDeadline(value: bigint): bigint | undefined {
    if (value === 0n) return undefined;
    const left = value - (this.time.ticks() + this.cpu.env.get64('tsc_offset'));
    return this.time.now() + (left <= 0n ? 0n : (left * 1000n * NS_A_MS) / this.time.ticksPerSecond);
  }
}
