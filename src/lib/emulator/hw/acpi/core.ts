/** The fixed ACPI registers. Source: QEMU hw/acpi/core.c, include/hw/acpi/acpi.h; ACPI 6.5 section 4.8.3. */
import type { Bits, Meaning } from '../../../vmstate/vmstate.ts';

/** PM timer. */
export const PM_TIMER_FREQUENCY = 3_579_545;

export const PM1_STATUS: Meaning = {
  source: 'ACPI 4.8.3.1.1',
  bits: [
    { bit: 0, name: 'TMR_STS', doc: 'PM timer overflowed' },
    { bit: 4, name: 'BM_STS', doc: 'bus master request' },
    { bit: 5, name: 'GBL_STS', doc: 'the BIOS wants attention' },
    { bit: 8, name: 'PWRBTN_STS', doc: 'power button pressed' },
    { bit: 9, name: 'SLPBTN_STS', doc: 'sleep button pressed' },
    { bit: 10, name: 'RTC_STS', doc: 'RTC alarm' },
    { bit: 14, name: 'PCIEXP_WAKE_STS' },
    { bit: 15, name: 'WAK_STS', doc: 'woken from sleep' }
  ]
};
export const PM1_ENABLE: Meaning = {
  source: 'ACPI 4.8.3.1.2',
  bits: [
    { bit: 0, name: 'TMR_EN' },
    { bit: 5, name: 'GBL_EN' },
    { bit: 8, name: 'PWRBTN_EN' },
    { bit: 9, name: 'SLPBTN_EN' },
    { bit: 10, name: 'RTC_EN' },
    { bit: 14, name: 'PCIEXP_WAKE_DIS' }
  ]
};
export const PM1_CONTROL: Meaning = {
  source: 'ACPI 4.8.3.2.1',
  bits: [
    { bit: 0, name: 'SCI_EN', doc: 'events as SCI: the OS has taken over ACPI' },
    { bit: 1, name: 'BM_RLD', doc: 'bus master requests wake the CPU' },
    { bit: 2, name: 'GBL_RLS', doc: 'the OS released the global lock' },
    { bit: 10, width: 3, name: 'SLP_TYP', doc: 'kind of sleep', values: { 0: 'S5', 1: 'S3', 2: 'S4' } },
    { bit: 13, name: 'SLP_EN', doc: 'go to sleep' }
  ]
};

export const PM_TIMER: Meaning = { doc: 'next overflow of the PM timer', unit: 'ns', clock: true };
export const PM_OVERFLOW_TIME: Meaning = {
  doc: 'the same in ticks of the PM timer, 3.579545 MHz',
  unit: 'ticks',
  clock: true
};

/** Source: include/hw/acpi/acpi_dev_interface.h AcpiEventStatusBits. */
export const GPE0: readonly Bits[] = [
  { bit: 1, name: 'PCI hotplug' },
  { bit: 2, name: 'CPU hotplug' },
  { bit: 3, name: 'memory hotplug' },
  { bit: 4, name: 'NVDIMM hotplug' },
  { bit: 5, name: 'VM generation changed' },
  { bit: 6, name: 'power down' }
];
