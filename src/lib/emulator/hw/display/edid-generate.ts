/** What a monitor says of itself. Source: QEMU hw/display/edid-generate.c; VESA E-EDID 1.4, CTA-861, DisplayID 1.3. */

export interface EdidInfo {
  /** Preferred mode, in pixels. */
  readonly prefx: number;
  readonly prefy: number;
  /** Modes larger than this are not offered; 0 offers all. */
  readonly maxx: number;
  readonly maxy: number;
  /** In mHz. */
  readonly refresh_rate: number;
}
export const DEFAULT_EDID: EdidInfo = { prefx: 1280, prefy: 800, maxx: 0, maxy: 0, refresh_rate: 75_000 };

/** Width, height, and where it is said: bit of an established timing, bit of "standard timings 3", CTA code. */
interface Mode {
  readonly size: readonly [number, number];
  readonly byte?: number;
  readonly xtra3?: number;
  readonly bit?: number;
  readonly dta?: number;
}
const MODES: readonly Mode[] = [
  { size: [5120, 2160], dta: 125 },
  { size: [4096, 2160], dta: 101 },
  { size: [3840, 2160], dta: 96 },
  { size: [2560, 1080], dta: 89 },
  { size: [2048, 1152] },
  { size: [1920, 1080], dta: 31 },
  { size: [3840, 2160], dta: 97 },
  { size: [1920, 1200], xtra3: 10, bit: 0 },
  { size: [1600, 1200], xtra3: 9, bit: 2 },
  { size: [1680, 1050], xtra3: 9, bit: 5 },
  { size: [1440, 900], xtra3: 8, bit: 5 },
  { size: [1280, 1024], xtra3: 7, bit: 1 },
  { size: [1280, 960], xtra3: 7, bit: 3 },
  { size: [1280, 768], xtra3: 7, bit: 6 },
  { size: [1920, 1440], xtra3: 11, bit: 5 },
  { size: [1856, 1392], xtra3: 10, bit: 3 },
  { size: [1792, 1344], xtra3: 10, bit: 5 },
  { size: [1440, 1050], xtra3: 8, bit: 1 },
  { size: [1360, 768], xtra3: 8, bit: 7 },
  { size: [1024, 768], byte: 36, bit: 3 },
  { size: [800, 600], byte: 35, bit: 0 },
  { size: [640, 480], byte: 35, bit: 5 }
];

const BLOCK = 128;
const STANDARD_TIMINGS = 38;
const DESCRIPTORS = 54;
const DESCRIPTOR = 18;
const EXTENSIONS = 126;
const CHECKSUM = 127;
const DPI = 100;
const NAME = 'QEMU Monitor';
/** sRGB: red, green, blue, white, x and y of each, in 1/1024. */
const CHROMATICITY = [0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329].map((v) =>
  Math.floor(Math.fround(v) * 1024 + 0.5)
);

interface Timings {
  readonly xfront: number;
  readonly xsync: number;
  readonly xblank: number;
  readonly yfront: number;
  readonly ysync: number;
  readonly yblank: number;
  /** In 10 kHz. */
  readonly clock: number;
}

function timingsOf({ prefx: x, prefy: y, refresh_rate }: EdidInfo): Timings {
  const [xblank, yblank] = [Math.floor((x * 35) / 100), Math.floor((y * 35) / 1000)];
  const front = Math.floor((y * 5) / 1000);
  return {
    ...{ xfront: Math.floor((x * 25) / 100), xsync: Math.floor((x * 3) / 100), xblank },
    ...{ yfront: front, ysync: front, yblank },
    clock: Math.floor((refresh_rate * (x + xblank) * (y + yblank)) / 10_000_000)
  };
}

/** Two bytes of a standard timing at 60 Hz; undefined where it has another aspect than there is a code for. */
function standardMode([x, y]: readonly [number, number]): readonly [number, number] | undefined {
  const aspect = [x * 10 === y * 16, x * 3 === y * 4, x * 4 === y * 5, x * 9 === y * 16].indexOf(true);
  const width = (x >> 3) - 31;
  return aspect < 0 || width > 255 ? undefined : [width, aspect << 6];
}

/** The modes into the bitmaps and lists. Source: edid_fill_modes. */
function fillModes(edid: Uint8Array, xtra3: number, cta: number, { maxx, maxy }: EdidInfo): void {
  let at = STANDARD_TIMINGS;
  for (const { size, byte, xtra3: extra, bit = 0, dta } of MODES) {
    if ((maxx && size[0] > maxx) || (maxy && size[1] > maxy)) continue;
    if (byte !== undefined) edid[byte]! |= 1 << bit;
    else if (at < DESCRIPTORS) {
      const mode = standardMode(size);
      if (mode) edid.set(mode, at);
      if (mode) at += 2;
    } else if (extra !== undefined) edid[xtra3 + extra]! |= 1 << bit;
    if (dta !== undefined) {
      edid[cta + edid[cta + 2]!] = dta;
      edid[cta + 2]!++;
      edid[cta + 4]!++;
    }
  }
  edid.fill(1, at, DESCRIPTORS);
}

function checksum(edid: Uint8Array, at: number, length: number): void {
  const sum = edid.subarray(at, at + length).reduce((a, b) => a + b, 0);
  edid[at + length] = -sum & 0xff;
}

function chromaticity(edid: Uint8Array): void {
  const low = (from: number): number =>
    CHROMATICITY.slice(from, from + 4).reduce((byte, v, i) => byte | ((v & 3) << (6 - 2 * i)), 0);
  edid.set([low(0), low(4), ...CHROMATICITY.map((v) => v >> 2)], 25);
}

/** A detailed timing. Source: edid_desc_timing. */
function timingDescriptor(t: Timings, x: number, y: number, xmm: number, ymm: number): number[] {
  const high = (a: number, b: number): number => ((a & 0xf00) >> 4) | ((b & 0xf00) >> 8);
  return [
    ...[t.clock & 0xff, (t.clock >> 8) & 0xff, x & 0xff, t.xblank & 0xff, high(x, t.xblank)],
    ...[y & 0xff, t.yblank & 0xff, high(y, t.yblank), t.xfront & 0xff, t.xsync & 0xff],
    ((t.yfront & 0xf) << 4) | (t.ysync & 0xf),
    ((t.xfront & 0x300) >> 2) | ((t.xsync & 0x300) >> 4) | ((t.yfront & 0x30) >> 2) | ((t.ysync & 0x30) >> 4),
    ...[xmm & 0xff, ymm & 0xff, high(xmm, ymm), 0, 0, 0x18]
  ];
}

const text = (words: string): number[] => [...new TextEncoder().encode(`${words}\n`.padEnd(13))];
const typed = (type: number, ...bytes: readonly number[]): number[] => [0, 0, 0, type, 0, ...bytes];

/** A DisplayID with the timing of a screen that is too large for a descriptor. Source: qemu_displayid_generate. */
function displayId(edid: Uint8Array, at: number, t: Timings, { prefx, prefy }: EdidInfo): void {
  const words = [
    prefx - 1,
    t.xblank - 1,
    t.xfront - 1,
    t.xsync - 1,
    prefy - 1,
    t.yblank - 1,
    t.yfront - 1,
    t.ysync - 1
  ];
  edid.set([0x70, 0x13, 23, 0x03, 0, 0x03, 0x00, 0x14], at);
  edid.set([t.clock & 0xff, (t.clock >> 8) & 0xff, (t.clock >> 16) & 0xff, 0x88], at + 8);
  edid.set(
    words.flatMap((w) => [w & 0xff, (w >> 8) & 0xff]),
    at + 12
  );
  checksum(edid, at + 1, 23 + 4);
  checksum(edid, at, CHECKSUM);
}

/** The 384 bytes of QEMU's monitor. Source: qemu_edid_generate. */
export function generateEdid(info: EdidInfo = DEFAULT_EDID): Uint8Array {
  const edid = new Uint8Array(3 * BLOCK);
  const { prefx, prefy } = info;
  const mm = (pixels: number): number => Math.floor(Math.floor((pixels * 254) / 10) / DPI);
  const timings = timingsOf(info);
  const large = prefx >= 4096 || prefy >= 4096 || timings.clock >= 65536;
  edid.set([0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
  // RHT, model 1234, made in week 42 of 2014; digital, 8 bits a color, DisplayPort; gamma 2.2; sRGB.
  edid.set([0x49, 0x14, 0x34, 0x12, 0, 0, 0, 0, 42, 24, 1, 4], 8);
  edid.set([0xa5, Math.floor(mm(prefx) / 10), Math.floor(mm(prefy) / 10), 120, 6], 20);
  chromaticity(edid);
  edid[EXTENSIONS] = large ? 2 : 1;
  edid.set([2, 3, 5, 0, 0x40], BLOCK);

  let at = DESCRIPTORS;
  /** Puts one, and finds the place of the next: behind the modes of the extension where the block is full. */
  const put = (bytes: readonly number[]): void => {
    edid.set(bytes, at);
    const first = at < CHECKSUM;
    const end = first ? CHECKSUM : BLOCK + CHECKSUM;
    if (at + 2 * DESCRIPTOR < end) at += DESCRIPTOR;
    else at = first ? BLOCK + edid[BLOCK + 2]! : Infinity;
  };
  if (!large) put(timingDescriptor(timings, prefx, prefy, mm(prefx), mm(prefy)));
  const xtra3 = at;
  put(typed(0xf7, 10));
  fillModes(edid, xtra3, BLOCK, info);
  put(typed(0xfd, 50, 125, 30, 160, 255, 1, 0x0a, ...Array<number>(6).fill(0x20)));
  put(typed(0xfc, ...text(NAME)));
  while (at !== Infinity) put(typed(0x10));

  if (large) displayId(edid, 2 * BLOCK, timings, info);
  checksum(edid, 0, CHECKSUM);
  checksum(edid, BLOCK, CHECKSUM);
  return edid;
}
