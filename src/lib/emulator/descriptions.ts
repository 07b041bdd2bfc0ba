/**
 * The one file that gathers what hw/** and target/** know of device state. Adding a device is one row here.
 */
import { descriptionTable, type Descriptions, type VMStateDescription } from '../vmstate/vmstate.ts';
import { vmstate_virtio_9p } from './hw/9pfs/virtio-9p-device.ts';
import { vmstate_acpi } from './hw/acpi/piix4.ts';
import { vmstate_spk } from './hw/audio/pcspk.ts';
import { vmstate_isa_fdc } from './hw/block/fdc.ts';
import { vmstate_virtio_blk } from './hw/block/virtio-blk.ts';
import { vmstate_parallel_isa } from './hw/char/parallel.ts';
import { vmstate_isa_serial } from './hw/char/serial-isa.ts';
import { vmstate_pci_serial } from './hw/char/serial-pci.ts';
import { vmstate_virtio_console } from './hw/char/virtio-serial-bus.ts';
import { vmstate_cpu_common } from './hw/core/cpu.ts';
import { vmstate_cirrus_vga, vmstate_pci_cirrus_vga } from './hw/display/cirrus_vga.ts';
import { vmstate_vga_pci } from './hw/display/vga-pci.ts';
import { vmstate_vga_common } from './hw/display/vga.ts';
import { vmstate_virtio_gpu } from './hw/display/virtio-gpu.ts';
import { vmstate_virtio_vga_base } from './hw/display/virtio-vga.ts';
import { vmstate_i8257 } from './hw/dma/i8257.ts';
import { vmstate_i2c_bus } from './hw/i2c/core.ts';
import { vmstate_smbus_eeprom } from './hw/i2c/smbus_eeprom.ts';
import { vmstate_ich9_smb } from './hw/i2c/smbus_ich9.ts';
import { vmstate_acpi_build } from './hw/i386/acpi-build.ts';
import { vmstate_kvmclock } from './hw/i386/kvm/clock.ts';
import { vmstate_port92_isa } from './hw/i386/port92.ts';
import { vmstate_vapic } from './hw/i386/vapic.ts';
import { vmstate_vmmouse } from './hw/i386/vmmouse.ts';
import { vmstate_ich9_ahci } from './hw/ide/ahci.ts';
import { vmstate_ide_isa } from './hw/ide/isa.ts';
import { vmstate_ide_pci } from './hw/ide/piix.ts';
import { vmstate_kbd_isa } from './hw/input/pckbd.ts';
import { vmstate_ps2_keyboard, vmstate_ps2_mouse } from './hw/input/ps2.ts';
import { vmstate_virtio_input } from './hw/input/virtio-input.ts';
import { vmstate_apic } from './hw/intc/apic_common.ts';
import { vmstate_pic } from './hw/intc/i8259.ts';
import { vmstate_ioapic } from './hw/intc/ioapic.ts';
import { vmstate_ich9_lpc } from './hw/isa/lpc_ich9.ts';
import { vmstate_piix3, vmstate_piix4 } from './hw/isa/piix.ts';
import { vmstate_e1000 } from './hw/net/e1000.ts';
import { vmstate_e1000e } from './hw/net/e1000e.ts';
import { vmstate_virtio_net } from './hw/net/virtio-net.ts';
import { nvme_vmstate } from './hw/nvme/ctrl.ts';
import { vmstate_fw_cfg } from './hw/nvram/fw_cfg.ts';
import { vmstate_i440fx } from './hw/pci-host/i440fx.ts';
import { vmstate_mch } from './hw/pci-host/q35.ts';
import { vmstate_pcibus } from './hw/pci/pci.ts';
import { vmstate_pcihost } from './hw/pci/pci_host.ts';
import { vmstate_rtc } from './hw/rtc/mc146818rtc.ts';
import { vmstate_virtio_scsi } from './hw/scsi/virtio-scsi.ts';
import { vmstate_hpet } from './hw/timer/hpet.ts';
import { vmstate_pit } from './hw/timer/i8254.ts';
import { vmstate_usb_kbd, vmstate_usb_ptr } from './hw/usb/dev-hid.ts';
import { vmstate_usb_hub } from './hw/usb/dev-hub.ts';
import { vmstate_usb_msd } from './hw/usb/dev-storage.ts';
import { vmstate_ehci_pci } from './hw/usb/hcd-ehci.ts';
import { vmstate_uhci } from './hw/usb/hcd-uhci.ts';
import { vmstate_xhci_pci } from './hw/usb/hcd-xhci.ts';
import { vmstate_virtio_balloon } from './hw/virtio/virtio-balloon.ts';
import { vmstate_virtio_rng } from './hw/virtio/virtio-rng.ts';
import { vmstate_globalstate } from './migration/global_state.ts';
import { vmstate_timers } from './system/cpu-timers.ts';
import { vmstate_x86_cpu } from './target/i386/machine.ts';

/** Every description, as the support page lists them. */
export const described: readonly VMStateDescription<never>[] = [
  nvme_vmstate,
  vmstate_acpi,
  vmstate_acpi_build,
  vmstate_apic,
  vmstate_cpu_common,
  vmstate_e1000,
  vmstate_e1000e,
  vmstate_ehci_pci,
  vmstate_fw_cfg,
  vmstate_globalstate,
  vmstate_hpet,
  vmstate_i2c_bus,
  vmstate_i440fx,
  vmstate_i8257,
  vmstate_ich9_ahci,
  vmstate_ich9_lpc,
  vmstate_ich9_smb,
  vmstate_ide_isa,
  vmstate_ide_pci,
  vmstate_ioapic,
  vmstate_isa_fdc,
  vmstate_isa_serial,
  vmstate_kbd_isa,
  vmstate_kvmclock,
  vmstate_mch,
  vmstate_parallel_isa,
  vmstate_pci_cirrus_vga,
  vmstate_pci_serial,
  vmstate_pcibus,
  vmstate_pcihost,
  vmstate_pic,
  vmstate_piix3,
  vmstate_piix4,
  vmstate_pit,
  vmstate_port92_isa,
  vmstate_ps2_keyboard,
  vmstate_ps2_mouse,
  vmstate_rtc,
  vmstate_smbus_eeprom,
  vmstate_spk,
  vmstate_timers,
  vmstate_uhci,
  vmstate_usb_hub,
  vmstate_usb_kbd,
  vmstate_usb_msd,
  vmstate_usb_ptr,
  vmstate_vapic,
  vmstate_vga_pci,
  vmstate_virtio_9p,
  vmstate_virtio_balloon,
  vmstate_virtio_blk,
  vmstate_virtio_console,
  vmstate_virtio_gpu,
  vmstate_virtio_input,
  vmstate_virtio_net,
  vmstate_virtio_rng,
  vmstate_virtio_scsi,
  vmstate_virtio_vga_base,
  vmstate_vmmouse,
  vmstate_x86_cpu,
  vmstate_xhci_pci
];

/** Devices without a device path whose sections have the names of others with one. */
const pathless = descriptionTable([vmstate_cirrus_vga, vmstate_vga_common]);
const table = descriptionTable(described);

export const descriptions: Descriptions = {
  find: (idstr) => (idstr.includes('/') ? undefined : pathless.find(idstr)) ?? table.find(idstr)
};
