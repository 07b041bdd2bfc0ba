// Tiny guests, booted by QEMU's `-kernel` as multiboot images that are made here byte by byte: no compiler, no Linux.
// A multiboot loader enters them in 32-bit protected mode without paging. Each prints "ready" on the serial port.

const LOAD = 0x100000;
/** Parameters lie behind the 32-byte multiboot header, then the text, then the code. */
const PARAMETERS = 0x20;
const TEXT = 0x38;
const CODE = 0x40;
const PAGE = 4096;

/**
 * @param {readonly number[]} parameters at most six 32-bit words
 * @param {readonly number[]} code
 * @param {Buffer} [data] placed at the page after the code, 0x101000
 */
function multiboot(parameters, code, data = Buffer.alloc(0)) {
  const image = Buffer.alloc(PAGE + data.length);
  const magic = 0x1badb002;
  const addressesFollow = 0x10000;
  const end = LOAD + image.length;
  const header = [magic, addressesFollow, -(magic + addressesFollow), LOAD, LOAD, end, end, LOAD + CODE];
  header.forEach((word, index) => image.writeUInt32LE(word >>> 0, index * 4));
  parameters.forEach((word, index) => image.writeUInt32LE(word >>> 0, PARAMETERS + index * 4));
  image.write('ready\n\0', TEXT, 'latin1');
  image.set(code, CODE);
  data.copy(image, PAGE);
  return image;
}

// prettier-ignore
const PRINT_TEXT = [
  0xbe, 0x38, 0x00, 0x10, 0x00,             // mov esi, TEXT
  0xba, 0xf8, 0x03, 0x00, 0x00,             // mov edx, 0x3f8
  0xac,                                     // 1: lodsb
  0xee,                                     // out dx, al
  0x84, 0xc0,                               // test al, al
  0x75, 0xfa                                // jnz 1b
];

// prettier-ignore
const IDLE = [
  0xfa,                                     // 1: cli
  0xf4,                                     // hlt
  0xeb, 0xfc                                // jmp 1b
];

// prettier-ignore
const WRITER = [
  0xfc,                                     // cld
  0x8b, 0x3d, 0x20, 0x00, 0x10, 0x00,       // mov edi, [first]
  0x8b, 0x1d, 0x24, 0x00, 0x10, 0x00,       // mov ebx, [pages]
  0xb8, 0x91, 0xf4, 0x45, 0x25,             // mov eax, 0x2545f491
  0x8b, 0x0d, 0x28, 0x00, 0x10, 0x00,       // page: mov ecx, [words]
  0x89, 0xfd,                               // mov ebp, edi
  0x69, 0xc0, 0x0d, 0x66, 0x19, 0x00,       // word: imul eax, eax, 1664525
  0x05, 0x5f, 0xf3, 0x6e, 0x3c,             // add eax, 1013904223
  0xab,                                     // stosd
  0xe2, 0xf2,                               // loop word
  0x8d, 0xbd, 0x00, 0x10, 0x00, 0x00,       // lea edi, [ebp + 4096]
  0x4b,                                     // dec ebx
  0x75, 0xe1,                               // jnz page
  ...PRINT_TEXT,
  0x8b, 0x3d, 0x20, 0x00, 0x10, 0x00,       // again: mov edi, [first]
  0x8b, 0x1d, 0x2c, 0x00, 0x10, 0x00,       // mov ebx, [working]
  0x85, 0xdb,                               // test ebx, ebx
  0x74, 0x15,                               // jz idle
  0xff, 0x07,                               // touch: inc dword [edi]
  0x8b, 0x0d, 0x30, 0x00, 0x10, 0x00,       // mov ecx, [delay]
  0xe2, 0xfe,                               // loop $
  0x81, 0xc7, 0x00, 0x10, 0x00, 0x00,       // add edi, 4096
  0x4b,                                     // dec ebx
  0x75, 0xed,                               // jnz touch
  0xeb, 0xdb,                               // jmp again
  ...IDLE
];

/**
 * A guest that fills pages from 16 MiB on with pseudo-random words, then rewrites the first word of the first
 * `working` pages round and round; with a working set of 0 it halts.
 * @param {{ pages: number, words?: number, working?: number, delay?: number }} options `words` of each page are
 *   filled (at least 1), `delay` in loop iterations between two writes (at least 1)
 */
export const writer = ({ pages, words = 1024, working = 0, delay = 1 }) =>
  multiboot([16 << 20, pages, words, working, delay], WRITER);

// prettier-ignore
const PAGING = [
  0xa1, 0x24, 0x00, 0x10, 0x00,             // mov eax, [cr4]
  0x0f, 0x22, 0xe0,                         // mov cr4, eax
  0xa1, 0x20, 0x00, 0x10, 0x00,             // mov eax, [cr3]
  0x0f, 0x22, 0xd8,                         // mov cr3, eax
  0xa1, 0x28, 0x00, 0x10, 0x00,             // mov eax, [efer]
  0x85, 0xc0,                               // test eax, eax
  0x74, 0x09,                               // jz enable
  0xb9, 0x80, 0x00, 0x00, 0xc0,             // mov ecx, EFER
  0x31, 0xd2,                               // xor edx, edx
  0x0f, 0x30,                               // wrmsr
  0x0f, 0x20, 0xc0,                         // enable: mov eax, cr0
  0x0d, 0x00, 0x00, 0x01, 0x80,             // or eax, PG | WP
  0x0f, 0x22, 0xc0,                         // mov cr0, eax
  ...PRINT_TEXT,
  ...IDLE
];

const PRESENT_WRITABLE = 3n;
const LARGE = 1n << 7n;
const NO_EXECUTE = 1n << 63n;
const CR4_PSE = 1 << 4;
const CR4_PAE = 1 << 5;
const CR4_LA57 = 1 << 12;
const EFER_LME_NXE = 0x900;
const EFER_NXE = 0x800;

/**
 * Paging modes: address bits a level translates, from the root down, and the levels whose entries may map a large page.
 * @type {Record<string, { bits: readonly number[], large: readonly number[], entry: 4 | 8, cr4: number, efer: number, physical: number }>}
 */
export const pagingModes = {
  '32-bit': { bits: [10, 10], large: [0], entry: 4, cr4: CR4_PSE, efer: 0, physical: 32 },
  pae: { bits: [2, 9, 9], large: [1], entry: 8, cr4: CR4_PAE, efer: EFER_NXE, physical: 36 },
  '4-level': { bits: [9, 9, 9, 9], large: [1, 2], entry: 8, cr4: CR4_PAE, efer: EFER_LME_NXE, physical: 40 },
  '5-level': {
    bits: [9, 9, 9, 9, 9],
    large: [2, 3],
    entry: 8,
    cr4: CR4_PAE | CR4_LA57,
    efer: EFER_LME_NXE,
    physical: 40
  }
};

/** A small deterministic generator (mulberry32), so that a guest is the same at every run. @param {number} seed */
function random(seed) {
  return (/** @type {number} */ limit) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/**
 * A guest that halts under page tables full of random mappings: small and large pages, tables that end early, absent
 * entries, physical addresses outside of RAM. Also gives 1,000 addresses worth asking for.
 * @param {keyof typeof pagingModes} name
 */
export function paging(name) {
  const mode = pagingModes[name];
  if (!mode) throw new Error(`no paging mode ${name}`);
  const draw = random(1 + Object.keys(pagingModes).indexOf(name));
  const levels = mode.bits.length;
  /** @type {Buffer[]} */
  const tables = [];
  /** @type {bigint[]} */
  const mapped = [];
  const shiftOf = (/** @type {number} */ level) => 12 + mode.bits.slice(level + 1).reduce((sum, bits) => sum + bits, 0);
  const width = shiftOf(-1);
  const signExtended = (/** @type {bigint} */ address) =>
    levels < 4 ? address : BigInt.asUintN(64, BigInt.asIntN(width, address));

  /**
   * Makes a table and those below it; returns its physical address.
   * @param {number} level
   * @param {bigint} base the first address it translates
   * @param {bigint | undefined} identity an address below it that must map to itself, as the code runs there
   * @returns {bigint}
   */
  const table = (level, base, identity) => {
    const bytes = Buffer.alloc(PAGE);
    const address = BigInt(LOAD + PAGE * tables.push(bytes));
    const shift = shiftOf(level);
    const entries = 2 ** (mode.bits[level] ?? 0);
    const chosen = new Set(
      Array.from({ length: level === levels - 1 ? 24 : Math.min(4, entries) }, () => draw(entries))
    );
    const own = identity === undefined ? undefined : Number((identity - base) >> BigInt(shift));
    if (own !== undefined) chosen.add(own);
    for (const index of chosen) {
      const start = base + (BigInt(index) << BigInt(shift));
      const inside = index === own ? identity : undefined;
      // The last level maps pages; a level above may, and always does for the code's own megabytes.
      const large = mode.large.includes(level) && (inside !== undefined ? shift < 25 : draw(3) === 0);
      let entry;
      if (level === levels - 1 || large) {
        const frames = 2 ** Math.min(mode.physical - shift, 30);
        const frame = inside !== undefined ? start : BigInt(draw(frames)) << BigInt(shift);
        const flags =
          PRESENT_WRITABLE | (draw(2) ? 4n : 0n) | (mode.efer && draw(2) && inside === undefined ? NO_EXECUTE : 0n);
        entry = frame | flags | (large ? LARGE : 0n);
        for (let count = 0; count < 8; count++) mapped.push(start + BigInt(draw(2 ** Math.min(shift, 30))));
      } else {
        // The four entries of a PAE root have no flag but "present".
        entry =
          table(level + 1, start, inside) | (mode.entry === 8 && mode.bits[level] === 2 ? 1n : PRESENT_WRITABLE | 4n);
      }
      if (mode.entry === 4) bytes.writeUInt32LE(Number(entry), index * 4);
      else bytes.writeBigUInt64LE(entry, index * 8);
    }
    return address;
  };

  const root = table(0, 0n, BigInt(LOAD));
  const addresses = new Set([BigInt(LOAD), 0n, (1n << BigInt(width)) - 1n]);
  while (addresses.size < 1000) {
    const known = mapped[draw(mapped.length)] ?? 0n;
    // Most addresses are mapped; some lie next to a mapped one, some anywhere.
    const kind = draw(10);
    if (kind < 7) addresses.add(known);
    else if (kind < 9) addresses.add(known ^ (1n << BigInt(12 + draw(width - 12))));
    else addresses.add((BigInt(draw(2 ** 32)) << BigInt(width - 32)) | BigInt(draw(2 ** 12)));
  }
  return {
    image: multiboot([Number(root), mode.cr4, mode.efer], PAGING, Buffer.concat(tables)),
    addresses: [...addresses].map(signExtended)
  };
}
