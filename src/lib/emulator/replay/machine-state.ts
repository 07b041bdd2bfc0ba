/**
 * A machine's state but for RAM, to come back to in the same machine. Devices go through their descriptions, as into a
 * stream; what a stream does not carry (timers with their order, input that waits, disks) is kept beside it. Source of the
 * idea: QEMU migration/savevm.c save_snapshot, replay/replay-snapshot.c.
 *
 * Loading what was just saved must change nothing; whatever it may change is made the same in every run, as the machine
 * that goes on loads its own checkpoint too.
 */
import { QemuFileReader } from '../../vmstate/qemu-file.ts';
import { VmSection } from '../../vmstate/section-body.ts';
import { loadOwn, type VMStateDescription } from '../../vmstate/vmstate.ts';
import type { BlockBackend, BlockCapture } from '../block/block-backend.ts';
import type { Completions } from '../block/completions.ts';
import type { Chardev } from '../chardev/char.ts';
import { saveDevice, type Device, type DeviceList } from '../hw/core/qdev.ts';
import type { ClockState, VirtualClock } from '../system/virtual-clock.ts';
import type { Clocks, TimerList } from '../util/qemu-timer.ts';
import { ENV, ENV_SIZE, HF } from '../target/i386/env.ts';
import { setSmm } from '../target/i386/hflags.ts';
import { cpu_x86_update_dr7 } from '../target/i386/tcg/bpt_helper.ts';
import type { X86Cpu } from '../target/i386/x86-cpu.ts';

/** The parts of a machine that have state. */
export interface StatefulParts {
  readonly cpu: X86Cpu & { icount: bigint; flushAll(): void };
  readonly devices: DeviceList;
  readonly time: VirtualClock;
  readonly clocks: Clocks;
  readonly completions: Completions;
  readonly chardevs: readonly Chardev[];
  readonly drives: readonly BlockBackend[];
}

export interface MachineState {
  readonly icount: bigint;
  readonly env: Uint8Array;
  readonly clock: ClockState;
  readonly timers: readonly TimerList[];
  readonly sections: readonly { readonly device: Device; readonly body: Uint8Array }[];
  readonly locals: readonly { readonly device: Device; readonly value: unknown }[];
  readonly requests: number;
  readonly input: readonly Uint8Array[];
  readonly drives: readonly BlockCapture[];
}

/** Sections that are kept in another way: their loading is for a machine that comes from elsewhere. */
const APART = new Set(['timer', 'cpu', 'cpu_common', 'globalstate']);

/** No request may be under way, and devices must have been told that the machine stands. @throws where a disk cannot be kept */
export function captureState(parts: StatefulParts): MachineState {
  const { cpu, devices, clocks } = parts;
  const env = cpu.env.u8.slice(cpu.env.base, cpu.env.base + ENV_SIZE);
  const timers = [clocks.virtual.capture(), clocks.host.capture()];
  const sections = devices.entries
    .filter(({ idstr }) => !APART.has(idstr))
    .map(({ device, section_id }) => {
      const file = saveDevice(device);
      // Some layouts are told by the footer that follows.
      file.u8(VmSection.FOOTER);
      file.be32(section_id);
      return { device, body: file.finish() };
    });
  return {
    ...{ icount: cpu.icount, env, timers, sections },
    clock: parts.time.capture(),
    locals: devices.entries.flatMap(({ device }) => (device.saveLocal ? [{ device, value: device.saveLocal() }] : [])),
    requests: parts.completions.next,
    input: parts.chardevs.map((chr) => chr.pending),
    drives: parts.drives.map((blk) => blk.capture())
  };
}

/** Bytes that a state takes, about. */
export const bytesOf = ({ sections, input, env }: MachineState): number =>
  [...sections.map(({ body }) => body), ...input, env].reduce((sum, bytes) => sum + bytes.length, 0);

/** Of the machine that goes on: what loading changes, it has changed here too. */
export function reloadDevices(parts: StatefulParts, { sections, locals, env, timers }: MachineState): void {
  for (const { device, body } of sections) {
    const vmsd = device.vmsd as VMStateDescription<object>;
    device.preLoad?.();
    loadOwn(new QemuFileReader(body), vmsd, device.state ?? device);
    const refusal = device.postLoad?.(vmsd.version);
    if (refusal) throw new Error(`${device.idstr} does not load what it saved: ${refusal}`);
  }
  for (const { device, value } of locals) device.loadLocal?.(value as never);
  const { cpu, clocks } = parts;
  setSmm(cpu, (new DataView(env.buffer).getUint32(ENV.hflags, true) & HF.SMM) !== 0);
  const watching = cpu.env.get('watching');
  cpu.env.u8.set(env, cpu.env.base);
  cpu.env.set('watching', watching);
  cpu_x86_update_dr7(cpu, cpu.env.get('dr', 2 * 7));
  cpu.outside.tscDeadline(cpu.env.get64('tsc_deadline'));
  clocks.virtual.restore(timers[0]!);
  clocks.host.restore(timers[1]!);
  cpu.flushAll();
}

/** Everything but RAM, which must be back already. No request may be under way. */
export function restoreState(parts: StatefulParts, state: MachineState): void {
  parts.drives.forEach((blk, i) => blk.restore(state.drives[i]!));
  parts.completions.restart(state.requests);
  parts.chardevs.forEach((chr, i) => (chr.pending = state.input[i]!));
  parts.cpu.icount = state.icount;
  parts.time.restore(state.clock);
  reloadDevices(parts, state);
}
