import { expect, test } from 'vitest';
import { vmstate_cpu_common } from '../../../../../src/lib/emulator/hw/core/cpu.ts';
import { bitsOf, hex, roundTrip, subsection } from '../../../../support/sections.ts';

test('a halted CPU with an interrupt pending', () => {
  const cpu = roundTrip(vmstate_cpu_common, hex('00000001 00000002'));
  expect(cpu.row('halted')?.about?.values?.[1]).toBe('halted');
  expect(bitsOf(cpu.row('interrupt_request'))).toEqual({ HARD: 1 });
});

test('a CPU that was about to fault in a crashed guest', () => {
  const cpu = roundTrip(
    vmstate_cpu_common,
    hex(
      '00000000 00000000',
      subsection('cpu_common/exception_index', 1, '0000000e'),
      subsection('cpu_common/crash_occurred', 1, '01')
    )
  );
  expect(cpu.state).toMatchObject({ exception_index: 14, crash_occurred: true });
});
