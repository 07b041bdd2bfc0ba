/**
 * Expressions of the monitor: numbers, registers (`$rip`, `$cr3`), + - * / % & | ^ ~ and brackets, 64 bits.
 * Source: QEMU monitor/hmp.c expr_sum, target/i386/monitor.c monitor_defs.
 */
import { pcOf } from '../cpu-view.ts';
import { MonitorError } from './monitor-error.ts';
import type { TcgCpu } from '../accel/tcg/cpu-exec.ts';

const NAMES = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
const SEGMENTS = 'es cs ss ds fs gs'.split(' ');

/** The value of a register by its name; undefined when there is none of that name. */
export type Registers = (name: string) => bigint | undefined;

export function registersOf(cpu: TcgCpu): Registers {
  const { env } = cpu;
  return (name) => {
    const general = NAMES.indexOf(name.replace(/^e(?=[a-ds][xpi])/, 'r'));
    if (general >= 0) return env.get64('regs', general);
    if (name === 'pc') return pcOf(cpu);
    if (/^(rip|eip)$/.test(name)) return env.get64('eip');
    if (/^(rflags|eflags)$/.test(name)) return BigInt(env.get('eflags'));
    const [, control] = /^cr([0234])$/.exec(name) ?? [];
    if (control !== undefined) return env.get64('cr', Number(control));
    const segment = SEGMENTS.indexOf(name.slice(0, 2));
    if (segment < 0) return undefined;
    if (name.length === 2) return BigInt(env.get('seg_selector', segment));
    return name.endsWith('.base') ? env.get64('seg_base', segment) : undefined;
  };
}

const TOKEN = /\s*(0x[\da-f]+|\d+|\$[\w.]+|[-+*/%&|^~()])/iy;
const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
/** Operators from the loosest, sums, as in expr_sum, expr_logic, expr_prod; those of one row bind alike. */
const LEVELS: readonly Readonly<Record<string, (a: bigint, b: bigint) => bigint>>[] = [
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '|': (a, b) => a | b, '^': (a, b) => a ^ b, '&': (a, b) => a & b },
  { '*': (a, b) => a * b, '/': (a, b) => a / nonZero(b), '%': (a, b) => a % nonZero(b) }
];
const MAX_TOKENS = 1000;

function nonZero(value: bigint): bigint {
  if (value === 0n) throw new MonitorError('division by zero');
  return value;
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  const trimmed = text.trim();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < trimmed.length) {
    const match = TOKEN.exec(trimmed);
    if (!match || tokens.length === MAX_TOKENS) throw new MonitorError(`invalid char in expression: ${trimmed}`);
    tokens.push(match[1]!);
  }
  return tokens;
}

/** @throws MonitorError */
export function parseExpression(text: string, registers: Registers): bigint {
  const tokens = tokensOf(text);
  let at = 0;
  const unary = (): bigint => {
    const token = tokens[at++];
    if (token === undefined) throw new MonitorError('unexpected end of expression');
    if (token === '(') {
      const value = level(0);
      if (tokens[at++] !== ')') throw new MonitorError("')' expected");
      return value;
    }
    if (token === '-') return u64(-unary());
    if (token === '+') return unary();
    if (token === '~') return u64(~unary());
    if (token.startsWith('$')) {
      const value = registers(token.slice(1).toLowerCase());
      if (value === undefined) throw new MonitorError(`unknown register '${token}'`);
      return value;
    }
    if (!/^\d/.test(token)) throw new MonitorError(`unexpected '${token}' in expression`);
    return u64(BigInt(token));
  };
  const level = (n: number): bigint => {
    const operators = LEVELS[n];
    if (!operators) return unary();
    let value = level(n + 1);
    for (let run = operators[tokens[at] ?? '']; run; run = operators[tokens[at] ?? '']) {
      at++;
      value = u64(run(value, level(n + 1)));
    }
    return value;
  };
  const value = level(0);
  if (at < tokens.length) throw new MonitorError(`unexpected '${tokens[at]}' in expression`);
  return value;
}

const COMPARISONS: Readonly<Record<string, (a: bigint, b: bigint) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<=': (a, b) => a <= b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '>': (a, b) => a > b
};

/**
 * Whether a condition holds: `$rax == 5`, unsigned; without a comparison, whether the value is not 0.
 * @throws MonitorError
 */
export function compare(text: string, registers: Registers): boolean {
  const [, left = text, operator, right = ''] = /^(.*?)(==|!=|<=|>=|<|>)(.*)$/s.exec(text) ?? [];
  const value = parseExpression(left, registers);
  return operator === undefined ? value !== 0n : COMPARISONS[operator]!(value, parseExpression(right, registers));
}
