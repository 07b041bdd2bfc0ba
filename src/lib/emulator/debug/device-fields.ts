/** A device as it is now, by the way it would go into a stream. */
import { QemuFileReader } from '../../vmstate/qemu-file.ts';
import { load, type Placed, type VMStateDescription } from '../../vmstate/vmstate.ts';
import { saveDevice } from '../hw/core/qdev.ts';
import type { Machine } from '../machine.ts';

/** `name/instance` of each device that has a state. */
export const deviceLabels = ({ devices }: Machine): readonly string[] =>
  devices.entries.map((e) => `${e.idstr}/${e.instance_id}`);

/** @param label of `deviceLabels` @throws RangeError where there is none */
export function deviceFields({ devices }: Machine, label: string): readonly Placed[] {
  const entry = devices.entries.find((e) => `${e.idstr}/${e.instance_id}` === label);
  const vmsd = entry?.device.vmsd as VMStateDescription<object> | undefined;
  if (!entry || !vmsd) throw new RangeError(`there is no device '${label}'`);
  return load(new QemuFileReader(saveDevice(entry.device).finish()), vmsd, vmsd.version).fields;
}
