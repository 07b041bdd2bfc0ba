/**
 * The one file that gathers what hw/** and target/** know of device state. Adding a device is one row here.
 */
import { descriptionTable, type Descriptions } from '../vmstate/vmstate.ts';
import { vmstate_isa_fdc } from './hw/block/fdc.ts';
import { vmstate_parallel_isa } from './hw/char/parallel.ts';
import { vmstate_isa_serial, vmstate_pci_serial } from './hw/char/serial.ts';
import { vmstate_port92_isa } from './hw/i386/port92.ts';
import { vmstate_vmmouse } from './hw/i386/vmmouse.ts';
import { vmstate_ich9_ahci } from './hw/ide/ahci.ts';
import { vmstate_ide_isa } from './hw/ide/isa.ts';
import { vmstate_ide_pci } from './hw/ide/piix.ts';
import { vmstate_kbd_isa } from './hw/input/pckbd.ts';
import { vmstate_ps2_keyboard, vmstate_ps2_mouse } from './hw/input/ps2.ts';
import { vmstate_piix3, vmstate_piix4 } from './hw/isa/piix.ts';
import { vmstate_fw_cfg } from './hw/nvram/fw_cfg.ts';
import { vmstate_i440fx } from './hw/pci-host/i440fx.ts';
import { vmstate_mch } from './hw/pci-host/q35.ts';
import { vmstate_pcibus } from './hw/pci/pci.ts';
import { vmstate_pcihost } from './hw/pci/pci_host.ts';

export const descriptions: Descriptions = descriptionTable([
  vmstate_fw_cfg,
  vmstate_i440fx,
  vmstate_ich9_ahci,
  vmstate_ide_isa,
  vmstate_ide_pci,
  vmstate_isa_fdc,
  vmstate_isa_serial,
  vmstate_kbd_isa,
  vmstate_mch,
  vmstate_parallel_isa,
  vmstate_pci_serial,
  vmstate_pcibus,
  vmstate_pcihost,
  vmstate_piix3,
  vmstate_piix4,
  vmstate_port92_isa,
  vmstate_ps2_keyboard,
  vmstate_ps2_mouse,
  vmstate_vmmouse
]);
