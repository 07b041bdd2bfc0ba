/** Section "cpu_common": what CPUs of all kinds have. Source: QEMU hw/core/cpu-system.c (cpu.c in the root before 9.0). */
import { fieldsOf, type Meaning, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { bool, i32, u32 } from '../../../vmstate/vmstate-types.ts';

export interface CPUState {
  halted: number;
  interrupt_request: number;
  exception_index: number;
  crash_occurred: boolean;
}

const INTERRUPT_REQUEST: Meaning = {
  source: 'include/exec/cpu-interrupt.h and target/i386/cpu.h CPU_INTERRUPT_*',
  bits: [
    { bit: 0, name: 'EXIT', doc: 'of old QEMU; cleared on load' },
    { bit: 1, name: 'HARD', doc: 'an external interrupt is pending' },
    { bit: 2, name: 'EXITTB', doc: 'leave the translated block' },
    { bit: 4, name: 'POLL', doc: 'ask the APIC' },
    { bit: 5, name: 'HALT', doc: 'halt the CPU' },
    { bit: 6, name: 'SMI' },
    { bit: 7, name: 'DEBUG' },
    { bit: 8, name: 'VIRQ', doc: 'virtual interrupt (SVM)' },
    { bit: 9, name: 'NMI' },
    { bit: 10, name: 'INIT' },
    { bit: 11, name: 'SIPI' },
    { bit: 12, name: 'MCE', doc: 'machine check' },
    { bit: 13, name: 'TPR', doc: 'access to the task priority' }
  ]
};

const cpu = fieldsOf<CPUState>();
export const vmstate_cpu_common: VMStateDescription<CPUState> = {
  name: 'cpu_common',
  version: 1,
  minimumVersion: 1,
  doc: 'Whether a CPU runs, and what interrupts it.',
  fields: [
    cpu('halted', u32, { values: { 0: 'runs', 1: 'halted' } }),
    cpu('interrupt_request', u32, INTERRUPT_REQUEST)
  ],
  subsections: [
    {
      name: 'cpu_common/exception_index',
      version: 1,
      minimumVersion: 1,
      doc: 'TCG was about to raise an exception.',
      fields: [cpu('exception_index', i32, { doc: 'vector, or from 10000 on an EXCP_* of QEMU' })]
    },
    {
      name: 'cpu_common/crash_occurred',
      version: 1,
      minimumVersion: 1,
      fields: [cpu('crash_occurred', bool, { doc: 'the guest reported that it crashed' })]
    }
  ]
};
