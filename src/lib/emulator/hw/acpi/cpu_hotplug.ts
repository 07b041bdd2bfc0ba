/**
 * The old interface of CPU hotplug: a bit for each CPU that is there. Firmware and systems that know the new one turn it
 * on by writing 0 to the first byte. Source: QEMU hw/acpi/cpu_hotplug.c.
 */
import { MemoryRegion } from '../../system/memory.ts';

const ACPI_GPE_PROC_LEN = 32;

/**
 * @param present CPUs that are there; their APIC ids count from 0
 * @param switchToModern is called when the guest wants the new interface
 */
export function legacyCpuHotplug(present: number, switchToModern: () => void): MemoryRegion {
  return MemoryRegion.io('acpi-cpu-hotplug', ACPI_GPE_PROC_LEN, {
    valid: { min: 1, max: 4 },
    impl: { max: 1 },
    read: (addr) => (1 << Math.max(0, Math.min(8, present - 8 * addr))) - 1,
    write: (addr, value) => {
      if (addr === 0 && value === 0) switchToModern();
    }
  });
}
