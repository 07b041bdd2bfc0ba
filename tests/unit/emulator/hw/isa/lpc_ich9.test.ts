import { expect, test } from 'vitest';
import { vmstate_ich9_lpc } from '../../../../../src/lib/emulator/hw/isa/lpc_ich9.ts';
import { bitsOf, hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';

const DEVICE =
  '00000002' + '8680 1829' + zeros(0x3c) + '01 06 00 00 80' + zeros(0x1b) + '0a 0a 0b 0b' + zeros(0x9c) + zeros(16);
const APM = '02 00';
const PM = zeros(6) + 'ffffffffffffffff 0000000000000005' + zeros(40);
const CHIP = zeros(0x3140) + '1032' + zeros(16384 - 0x3142);

test('the bridge of a Q35 whose firmware negotiates SMIs', () => {
  const body = hex(
    ...[DEVICE, APM, PM, subsection('ich9_pm/cpuhp', 1, '00000000 00' + '00 00 00000000 00000000'.repeat(2))],
    ...[CHIP, '00000001'],
    subsection('ICH9LPC/rst_cnt', 1, '06'),
    subsection('ICH9LPC/smi_feat', 1, '0300000000000000 01 0000000000000003')
  );
  const lpc = roundTrip(vmstate_ich9_lpc, body);
  expect(bitsOf(lpc.row('d.config[0].ACPI_CNTL'))).toEqual({ ACPI_EN: 1 });
  expect(bitsOf(lpc.row('d.config[0].PIRQC_ROUT'))).toEqual({ irq: 11 });
  expect(lpc.state.pm.cpuhp_state.devs).toHaveLength(2);
  expect(bitsOf(lpc.row('chip_config.D31IR'))).toEqual({ INTB: 'PIRQB', INTC: 'PIRQC', INTD: 'PIRQD' });
  expect(bitsOf(lpc.row('ICH9LPC/rst_cnt.rst_cnt'))).toEqual({ SYS_RST: 1, RST_CPU: 1 });
  expect(bitsOf(lpc.row('ICH9LPC/smi_feat.smi_negotiated_features'))).toEqual({ 'broadcast SMI': 1, 'CPU hotplug': 1 });
});
