import { expect, test } from 'vitest';
import { vmstate_acpi } from '../../../../../src/lib/emulator/hw/acpi/piix4.ts';
import { bitsOf, hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';

const DEVICE = '00000002' + '8680 1371' + zeros(0x3c) + '01 b0 00 00' + zeros(0x3c) + '01' + zeros(0x7f) + zeros(16);
const PM1_AND_APM = '0100 0120 0801 f1 00';
const SMB = zeros(10) + zeros(32) + '00 00 00 01 00 00';
const TIMER_AND_GPE = 'ffffffffffffffff 0000000000000005 0002 0006';
const BRIDGES = '00000001' + '00000008 00000010' + zeros(255 * 8);
const CPU = '01 00 00000000 00000000';

test('power management of QEMU 11', () => {
  const pm = roundTrip(vmstate_acpi, hex(DEVICE, PM1_AND_APM, SMB, TIMER_AND_GPE, BRIDGES, '00000007'));
  expect(pm.row('parent_obj.config[0].PMBA')).toMatchObject({ value: 0xb001 });
  expect(bitsOf(pm.row('ar.pm1.evt.sts'))).toEqual({ PWRBTN_STS: 1 });
  expect(bitsOf(pm.row('ar.pm1.evt.en'))).toEqual({ PWRBTN_EN: 1, GBL_EN: 1 });
  expect(bitsOf(pm.row('ar.pm1.cnt.cnt'))).toEqual({ SCI_EN: 1, SLP_TYP: 'S4' });
  expect(bitsOf(pm.row('ar.gpe.en'))).toEqual({ 'PCI hotplug': 1, 'CPU hotplug': 1 });
  expect(pm.row('acpi_pci_hotplug.acpi_pcihp_pci_status[0].up')).toMatchObject({ value: 8 });
  expect(pm.row('acpi_pci_hotplug.acpi_index')).toMatchObject({ value: 7 });
});

test('hotplug of CPUs: one entry for each possible CPU, up to the footer', () => {
  const pm = roundTrip(
    vmstate_acpi,
    hex(
      ...[DEVICE, PM1_AND_APM, SMB, TIMER_AND_GPE, BRIDGES, '00000000'],
      subsection('piix4_pm/memhp', 1, '00000002' + '01 00 00000103 00000000'.repeat(3)),
      subsection('piix4_pm/cpuhp', 1, '00000001 02' + CPU.repeat(4))
    )
  );
  expect(pm.state.acpi_memory_hotplug.devs).toHaveLength(3);
  expect(pm.state.cpuhp_state.devs).toHaveLength(4);
  expect(pm.row('piix4_pm/cpuhp.cpuhp_state.devs[3].is_inserting')?.value).toBe(true);
});

test('memory hotplug without slots', () => {
  const pm = roundTrip(
    vmstate_acpi,
    hex(DEVICE, PM1_AND_APM, SMB, TIMER_AND_GPE, BRIDGES, '00000000', subsection('piix4_pm/memhp', 1, '00000000'))
  );
  expect(pm.state.acpi_memory_hotplug.devs).toEqual([]);
});

test.each([
  ['6.2', SMB, BRIDGES, { smb: true, bridges: true, acpiIndex: false }],
  ['3.1', '', BRIDGES, { smb: false, bridges: true, acpiIndex: false }],
  ['3.1 without hotplug of bridges', '', '00000001 00000002', { smb: false, bridges: false, acpiIndex: false }],
  ['11 without hotplug of bridges', SMB, '00000001 00000002', { smb: true, bridges: false, acpiIndex: false }]
])('machine type %s leaves fields out', (_type, smb, hotplug, layout) => {
  const cpuhp = subsection('piix4_pm/cpuhp', 1, '00000000 00' + CPU);
  for (const subsections of ['', cpuhp]) {
    const pm = roundTrip(vmstate_acpi, hex(DEVICE, PM1_AND_APM, smb, TIMER_AND_GPE, hotplug, subsections));
    expect(pm.state.layout).toEqual(layout);
  }
});
