/** An IDE channel on the ISA bus (machine isapc). Source: QEMU hw/ide/isa.c. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf } from '../../../vmstate/vmstate-types.ts';
import { ideBus, ideDrive, type IDEBus } from './core.ts';

export interface ISAIDEState {
  bus: IDEBus;
}
const d = fieldsOf<ISAIDEState>();
export const vmstate_ide_isa: VMStateDescription<ISAIDEState> = {
  name: 'isa-ide',
  version: 3,
  minimumVersion: 0,
  fields: [d('bus', ideBus), d('bus.ifs', arrayOf(ideDrive, 2))]
};
