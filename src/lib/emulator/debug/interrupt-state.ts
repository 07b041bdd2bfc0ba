/** Interrupt controllers, line by line. Sources: QEMU hw/intc/i8259.c, ioapic.c, apic.c; SDM 3A 11. */
import type { Sheet, SheetRow } from '../machine-api.ts';
import type { Machine } from '../machine.ts';
import { CPU_INTERRUPT, FLAG } from '../target/i386/env.ts';

const hex = (value: number | bigint, digits = 2): string => `0x${value.toString(16).padStart(digits, '0')}`;
const mark = (set: boolean): string => (set ? '●' : '');
const DELIVERY = ['fixed', 'lowest priority', 'SMI', 'reserved', 'NMI', 'INIT', 'reserved', 'ExtINT'];
/** What PCs wire there. */
const ISA_LINES = 'PIT,keyboard,slave,COM2,COM1,LPT2,floppy,LPT1,RTC,ACPI,,,mouse,FPU,IDE 0,IDE 1'.split(',');
const LVT = ['timer', 'thermal', 'performance', 'LINT0', 'LINT1', 'error'];

function cpuRows({ cpu: { env } }: Machine): readonly SheetRow[] {
  const requests = env.get('interrupt_request');
  const names = Object.entries(CPU_INTERRUPT).flatMap(([name, bit]) => (requests & bit ? [name] : []));
  const open = (env.get('eflags') & FLAG.IF) !== 0;
  return [
    { cells: ['CPU requests', names.join(' ') || 'none'] },
    { cells: ['CPU IF', open ? 'set: interrupts are taken' : 'clear: interrupts wait'] },
    { cells: ['CPU halted', env.get('halted') ? 'yes' : 'no'] }
  ];
}

function pics({ board }: Machine): Sheet {
  const { pic } = board.pc;
  const rows = [pic.master, pic.slave].flatMap((chip, n) =>
    Array.from({ length: 8 }, (_, line): SheetRow => {
      const bit = (word: number): boolean => ((word >> line) & 1) === 1;
      const what = ISA_LINES[8 * n + line]!;
      const vector = hex(chip.irq_base + line);
      const edge = bit(chip.elcr) ? 'level' : 'edge';
      return {
        cells: [
          `IRQ ${8 * n + line}`,
          what,
          vector,
          mark(bit(chip.irr)),
          mark(bit(chip.isr)),
          mark(bit(chip.imr)),
          edge
        ]
      };
    })
  );
  return { title: '8259', columns: ['line', 'wired to', 'vector', 'IRR', 'ISR', 'masked', 'trigger'], rows };
}

function ioapic({ board }: Machine): Sheet {
  const chip = board.pc.ioapic;
  const rows = chip.ioredtbl.map((entry, pin): SheetRow => {
    const bit = (n: bigint): boolean => ((entry >> n) & 1n) === 1n;
    return {
      cells: [
        String(pin),
        hex(entry & 0xffn),
        DELIVERY[Number((entry >> 8n) & 7n)]!,
        `${entry >> 56n} ${bit(11n) ? 'logical' : 'physical'}`,
        mark(((chip.irr >>> pin) & 1) === 1),
        mark(bit(14n)),
        mark(bit(16n)),
        `${bit(15n) ? 'level' : 'edge'}, active ${bit(13n) ? 'low' : 'high'}`
      ]
    };
  });
  const columns = ['pin', 'vector', 'delivery', 'destination', 'IRR', 'remote IRR', 'masked', 'trigger'];
  return { title: 'IOAPIC', columns, rows };
}

function setBits(words: ArrayLike<number>): string {
  const set: string[] = [];
  for (let i = 0; i < words.length * 32; i++) if ((words[i >> 5]! >>> (i & 31)) & 1) set.push(hex(i));
  return set.join(' ') || 'none';
}

function lapic(machine: Machine): Sheet {
  const { apic } = machine.board.pc;
  const vectors = LVT.map((name, n): SheetRow => {
    const lvt = apic.lvt[n]!;
    const masked = (lvt >>> 16) & 1 ? ', masked' : '';
    return { cells: [`LVT ${name}`, `${hex(lvt, 8)}: ${hex(lvt & 0xff)} ${DELIVERY[(lvt >> 8) & 7]!}${masked}`] };
  });
  return {
    title: `Local APIC ${apic.id}`,
    columns: ['register', 'state'],
    rows: [
      ...cpuRows(machine),
      { cells: ['IRR: requested', setBits(apic.irr)] },
      { cells: ['ISR: in service', setBits(apic.isr)] },
      { cells: ['TMR: level-triggered', setBits(apic.tmr)] },
      { cells: ['TPR', hex(apic.tpr)] },
      { cells: ['spurious vector', `${hex(apic.spurious_vec, 8)}${apic.spurious_vec & 0x100 ? '' : ': disabled'}`] },
      ...vectors,
      { cells: ['timer', `initial count ${apic.initial_count}, divide ${hex(apic.divide_conf, 1)}`] }
    ]
  };
}

export const interruptState = (machine: Machine): readonly Sheet[] => [lapic(machine), ioapic(machine), pics(machine)];
