import { expect, test } from 'vitest';
import { vmstate_ich9_pm } from '../../../../../src/lib/emulator/hw/acpi/ich9.ts';
import { QemuFileReader } from '../../../../../src/lib/vmstate/qemu-file.ts';
import { load } from '../../../../../src/lib/vmstate/vmstate.ts';
import { bitsOf, FOOTER, hex, subsection, zeros } from '../../../../support/sections.ts';

const FIXED =
  '0001 0020 0001 ffffffffffffffff 0000000000000005' + '02' + zeros(15) + '02' + zeros(15) + '00000003 00000020';
const TCO = '0004 00 00 0008 0002 1800 0000 00 00 00 0004 03 ffffffffffffffff ffffffffffffffff 01';
const CPU = '00 00 00000000 00000000';
const PCIHP = subsection('ich9_pm/pcihp', 1, '00000000' + zeros(256 * 8) + '00000003');
/** chip_config and sci_level of the section that the state lies in. */
const REST = zeros(16384) + '00000000';

/** The state inside its section; how many bytes were read of the state's. */
function loadInside(...state: string[]) {
  const file = new QemuFileReader(hex(...state, REST, FOOTER));
  const loaded = load(file, vmstate_ich9_pm, 1);
  return { ...loaded, left: hex(...state).length - file.pos };
}

test('the registers', () => {
  const { fields, failure } = loadInside(FIXED);
  expect(failure).toBeUndefined();
  const row = (name: string) => fields.find((f) => f.name === name);
  expect(bitsOf(row('acpi_regs.pm1.cnt.cnt'))).toEqual({ SCI_EN: 1 });
  expect(bitsOf(row('acpi_regs.gpe.sts')?.children?.[0])).toEqual({ 'PCI hotplug': 1 });
  expect(bitsOf(row('smi_en'))).toEqual({ GBL_SMI: 1, EOS: 1 });
  expect(bitsOf(row('smi_sts'))).toEqual({ APM: 1 });
});

test('all subsections of a PC with three CPUs and two memory slots', () => {
  const { state, failure, left } = loadInside(
    FIXED,
    subsection('ich9_pm/memhp', 1, '00000000' + CPU.repeat(2)),
    subsection('ich9_pm/tco', 1, TCO),
    subsection('ich9_pm/cpuhp', 1, '00000000 00' + CPU.repeat(3)),
    PCIHP
  );
  expect(failure).toBeUndefined();
  expect(left).toBe(0);
  expect(state.acpi_memory_hotplug.devs).toHaveLength(2);
  expect(state.cpuhp_state.devs).toHaveLength(3);
  expect(state.tco_regs).toMatchObject({ expire_time: -1n, timeouts_no: 1, tco: { sts1: 8, cnt1: 0x1800, tmr: 4 } });
  expect(state.acpi_pci_hotplug.acpi_index).toBe(3);
});

test('where hotplug of PCI is off, CPUs are counted up to the rest of the section, which looks like CPUs', () => {
  const { state, failure, left } = loadInside(FIXED, subsection('ich9_pm/cpuhp', 1, '00000000 00' + CPU.repeat(3)));
  expect(failure).toBeUndefined();
  expect(left).toBe(0);
  expect(state.cpuhp_state.devs).toHaveLength(3);
});
