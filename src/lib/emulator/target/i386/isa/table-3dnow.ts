/** 3DNow!: the opcode stands behind the operands, where others have an immediate. AMD64 APM 3, table A-14. */
import { rows, type Line } from './table-row.ts';

/** Suffix, name, and whether it came with the extensions. */
const OPERATIONS: readonly (readonly [number, string, 'extension'?])[] = [
  [0x0c, 'pi2fw', 'extension'],
  [0x0d, 'pi2fd'],
  [0x1c, 'pf2iw', 'extension'],
  [0x1d, 'pf2id'],
  [0x8a, 'pfnacc', 'extension'],
  [0x8e, 'pfpnacc', 'extension'],
  [0x90, 'pfcmpge'],
  [0x94, 'pfmin'],
  [0x96, 'pfrcp'],
  [0x97, 'pfrsqrt'],
  [0x9a, 'pfsub'],
  [0x9e, 'pfadd'],
  [0xa0, 'pfcmpgt'],
  [0xa4, 'pfmax'],
  [0xa6, 'pfrcpit1'],
  [0xa7, 'pfrsqit1'],
  [0xaa, 'pfsubr'],
  [0xae, 'pfacc'],
  [0xb0, 'pfcmpeq'],
  [0xb4, 'pfmul'],
  [0xb6, 'pfrcpit2'],
  [0xb7, 'pmulhrw'],
  [0xbb, 'pswapd', 'extension'],
  [0xbf, 'pavgusb']
];

export const threeDNow = rows([
  ['0f 0e', 'femms', '', { feature: '3dnow', semantics: 'emms' }],
  ...OPERATIONS.map(([suffix, name, extension]): Line => [
    '0f 0f',
    name,
    'Pq,Qq',
    { suffix, feature: extension ? '3dnowext' : '3dnow' }
  ])
]);
