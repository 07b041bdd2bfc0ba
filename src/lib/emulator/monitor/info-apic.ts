/**
 * `info pic` and `info lapic`, in the words of QEMU 11.
 * Source: QEMU hw/intc/ioapic_common.c (ioapic_print_redtbl), hw/intc/i8259_common.c (pic_print_info),
 * target/i386/cpu-dump.c (x86_cpu_dump_local_apic_state).
 */
import type { Machine } from '../machine.ts';
import { hexDigits } from '../../vmstate/hex.ts';

const pad = (text: string | number, width: number): string => String(text).padEnd(width);

const REDIRECTION = 0x10;
const PIN_DELIVERY = ['fixed', 'lowest', 'SMI', '...', 'NMI', 'INIT', '...', 'extINT'];

const pins = (name: string, bitmap: number): string => {
  const set = Array.from({ length: 24 }, (_, pin) => pin).filter((pin) => (bitmap >>> pin) & 1);
  return `${pad(name, 10)} ${set.length > 0 ? set.map((pin) => `${pad(pin, 2)} `).join('') : '(none)'}`;
};

export function infoPic({ board }: Machine): string {
  const { pic, ioapic } = board.pc;
  const { ioregsel } = ioapic;
  let remote = 0;
  const rows = ioapic.ioredtbl.map((entry, pin) => {
    const bit = (n: bigint): boolean => ((entry >> n) & 1n) === 1n;
    const [logical, level] = [bit(11n), bit(15n)];
    if (level && bit(14n)) remote |= 1 << pin;
    return (
      `  pin ${pad(pin, 2)} 0x${hexDigits(entry, 16)} dest=${hexDigits((entry >> 56n) & (logical ? 0xffn : 0xfn), 1)} ` +
      `vec=${pad(Number(entry & 0xffn), 3)} ${bit(13n) ? 'active-lo' : 'active-hi'} ${level ? 'level' : 'edge '} ` +
      `${pad(bit(16n) ? 'masked' : '', 6)} ${pad(PIN_DELIVERY[Number((entry >> 8n) & 7n)]!, 6)} ` +
      (logical ? 'logical' : 'physical')
    );
  });
  const chips = [pic.slave, pic.master].map(
    (p) =>
      `pic${p === pic.master ? 0 : 1}: irr=${hexDigits(p.irr, 2)} imr=${hexDigits(p.imr, 2)} isr=${hexDigits(p.isr, 2)} hprio=${p.priority_add} ` +
      `irq_base=${hexDigits(p.irq_base, 2)} rr_sel=${p.read_reg_select} elcr=${hexDigits(p.elcr, 2)} fnm=${p.special_fully_nested_mode}`
  );
  const selected = ioregsel ? ` (redir[${((ioregsel - REDIRECTION) >>> 0) >>> 1}])` : '';
  return [
    `ioapic0: ver=0x20 id=0x${hexDigits(ioapic.id, 2)} sel=0x${hexDigits(ioregsel, 2)}${selected}`,
    ...rows,
    pins('  IRR', ioapic.irr),
    pins('  Remote IRR', remote),
    ...chips
  ].join('\n');
}

const DELIVERY = ['Fixed', '...', 'SMI', '...', 'NMI', 'INIT', '...', 'ExtINT'];
const NMI = 4;
const SHORTHANDS = ['no-shorthand', 'self', 'all-self', 'all'];
/** In the order of printing, with their places in the table. */
const LVTS = { LVT0: 3, LVT1: 4, LVTPC: 2, LVTERR: 5, LVTTHMR: 1 } as const;
const TIMER = 0;
/** The register that counts down. */
const TIMER_CURRENT = 0x39;
const FLAT = 0xf;

const has = (value: number, bit: number): boolean => ((value >>> bit) & 1) === 1;

function lvtLine(name: string, lvt: number, timer = ''): string {
  const mode = (lvt >>> 8) & 7;
  return (
    `${name}\t 0x${hexDigits(lvt, 8)} ${has(lvt, 13) ? 'active-lo' : 'active-hi'} ${has(lvt, 15) ? 'level' : 'edge '} ` +
    `${pad(has(lvt, 16) ? 'masked' : '', 6)} ${pad(has(lvt, 12) ? 'pending' : '', 7)} ${pad(timer, 12)} ` +
    `${pad(DELIVERY[mode]!, 6)}${mode === NMI ? '' : ` (vec ${lvt & 0xff})`}`
  );
}

function vectors(name: string, list: ArrayLike<number>, level: ArrayLike<number>): string {
  const set = Array.from({ length: 256 }, (_, i) => i).filter((i) => has(list[i >> 5]!, i & 31));
  const shown = set.map((i) => `${i}${has(level[i >> 5]!, i & 31) ? '(level)' : ''} `);
  return `${name}\t ${shown.join('') || '(none)'}`;
}

const bits = (value: number, count: number): string => (value & ((1 << count) - 1)).toString(2).padStart(count, '0');

/** Whom the interrupt command register names, in the second word. */
function destination(icr: number, icr2: number, mode: number, x2apic: boolean): string {
  if ((icr >>> 18) & 3) return '';
  const dest = x2apic ? icr2 : icr2 >>> 24;
  const kind = x2apic ? 'X2APIC ID' : 'APIC ID';
  if (!has(icr, 11)) return ` cpu ${x2apic ? dest : dest & 0xf} (${kind})`;
  if (mode === FLAT) return ` mask ${bits(icr2 >>> 24, 8)} (APIC ID)`;
  if (mode !== 0) return '';
  const shift = x2apic ? 16 : 4;
  return ` cluster ${dest >>> shift} mask ${bits(dest, shift)} (${kind})`;
}

export function infoLapic({ board }: Machine): string {
  const { apic } = board.pc;
  const [icr = 0, icr2 = 0] = apic.icr;
  const timer = apic.lvt[TIMER]!;
  const kind = has(timer, 17) ? 'periodic' : has(timer, 18) ? 'tsc-deadline' : 'one-shot';
  const divide = ((apic.divide_conf & 8) >> 1) | (apic.divide_conf & 3);
  const { spurious_vec: spurious, dest_mode: mode, log_dest: logical } = apic;
  const cluster = mode === 0 ? `(cluster ${logical >>> 4}: id ${logical & 0xf})` : '';
  return [
    `dumping local APIC state for CPU ${pad(apic.instance, 2)}`,
    '',
    ...Object.entries(LVTS).map(([name, at]) => lvtLine(name, apic.lvt[at]!)),
    lvtLine('LVTT', timer, kind),
    `Timer\t DCR=0x${hexDigits(apic.divide_conf & 0xf, 1)} (divide by ${divide === 7 ? 1 : 2 << divide}) ` +
      `initial_count = ${apic.initial_count} current_count = ${apic.read(TIMER_CURRENT)}`,
    `SPIV\t 0x${hexDigits(spurious, 8)} APIC ${has(spurious, 8) ? 'enabled' : 'disabled'}, ` +
      `focus=${has(spurious, 9) ? 'on' : 'off'}, spurious vec ${spurious & 0xff}`,
    `ICR\t 0x${hexDigits(icr, 8)} ${has(icr, 11) ? 'logical' : 'physical'} ${has(icr, 15) ? 'level' : 'edge'} ` +
      `${has(icr, 14) ? 'assert' : 'de-assert'} ${SHORTHANDS[(icr >>> 18) & 3]!}`,
    `ICR2\t 0x${hexDigits(icr2, 8)}${destination(icr, icr2, mode, apic.cpu.x2apic)}`,
    `ESR\t 0x${hexDigits(apic.esr, 8)}`,
    vectors('ISR', apic.isr, apic.tmr),
    vectors('IRR', apic.irr, apic.tmr),
    '',
    `APR 0x${hexDigits(apic.arb_id, 2)} TPR 0x${hexDigits(apic.tpr, 2)} DFR 0x${hexDigits(mode, 2)} LDR 0x${hexDigits(logical, 2)}${cluster} ` +
      `PPR 0x${hexDigits(apic.ppr, 2)}`
  ].join('\n');
}
