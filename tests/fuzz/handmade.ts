/** Small files of every kind that the reader knows, for a clone without native QEMU's streams. */
import { deflateSync, gzipSync } from 'node:zlib';
import {
  bytes,
  capabilities,
  command,
  configuration,
  counted,
  end,
  EOF,
  EOS,
  footer,
  full,
  HEADER,
  page,
  part,
  ramStart,
  start,
  u16be,
  u32be,
  u64be,
  zeroPage,
  zeros,
  type Piece
} from '../support/bytes.ts';
import { lettersZstd, wordsXz, wordsZstd } from '../support/compressed.ts';
import { capture, packet, sync } from '../support/multifd.ts';
import { qcow2 } from '../support/qcow2.ts';
import type { Beside } from './corpus.ts';

export interface Handmade {
  readonly name: string;
  /** `stream`: taken apart into items; `whole`: mutated as it is. */
  readonly files: { readonly stream: Uint8Array } | { readonly whole: Uint8Array };
  readonly beside?: Beside;
}

const PAGE = 4096;
const blocks = ramStart([
  ['pc.ram', 8 * PAGE],
  ['pc.bios', 2 * PAGE]
]);
const device = full(9, 'timer', 2, u64be(1), u64be(2), u64be(3));
const rest: Piece = [device, EOF];

/** A zstd frame of one raw block. */
function zstd(content: Uint8Array): Uint8Array {
  const block = content.length * 8 + 1;
  return bytes(0x28, 0xb5, 0x2f, 0xfd, 0, 0x38, block, block >> 8, block >> 16, content);
}

function libvirt(stream: Uint8Array): Uint8Array {
  const xml = '<domain><name>guest</name></domain>\0';
  const header = new DataView(new ArrayBuffer(92));
  [2, xml.length, 1, 0, 0].forEach((word, i) => header.setUint32(16 + 4 * i, word, true));
  return bytes('LibvirtQemudSave', new Uint8Array(header.buffer, 16), xml, stream);
}

/** One block of eight pages at fixed places: bitmap at 1 KiB, pages at 4 KiB. */
function mappedRam(): Uint8Array {
  const block = [counted('pc.ram'), u64be(8 * PAGE), u32be(1), u64be(PAGE), u64be(1024), u64be(PAGE)];
  const front = bytes(
    HEADER,
    configuration('pc', capabilities('mapped-ram')),
    1,
    u32be(0),
    counted('ram'),
    u32be(0),
    u32be(4),
    [u64be(8 * PAGE + 4), block]
  );
  const file = new Uint8Array(9 * PAGE);
  file.set(front);
  file[1024] = 0b1010_0101;
  for (let i = 0; i < 8; i++) file.fill(i, (i + 1) * PAGE, (i + 2) * PAGE);
  return bytes(file, EOS, footer(0), end(0, EOS), rest);
}

export function handmade(): Handmade[] {
  const delta = [u64be(0x1000 + 0x60), 1, u16be(4), 2, 2, 0xaa, 0xbb];
  const packed = deflateSync(new Uint8Array(PAGE).fill(9));
  const pages = (...more: Piece[]): Piece => [
    part(0, page(0, 1, 'pc.ram'), zeroPage(PAGE, 'pc.ram'), ...more, EOS),
    part(0, zeroPage(0, 'pc.bios'), page(PAGE, 3, 'pc.ram'), EOS)
  ];
  const plain = bytes(HEADER, configuration('pc-i440fx-7.2'), start(0, 'ram', 4, blocks), pages(), end(0, EOS), rest);
  const multifd = [
    [0, 1],
    [2, 3]
  ].map(([a, b], id) =>
    capture(
      id,
      packet({ normal: [[a! * PAGE, id + 1]], zero: [b! * PAGE], num: id }),
      sync(id + 2),
      packet({ flags: 2, payload: packed, normal: [[0, 0]], num: id + 4 })
    )
  );
  const shared = start(0, 'ram', 4, ramStart([['mem0', 4 * PAGE, u64be(0)]]));
  const inner = bytes(command(4), device, command(5));
  const stream = (name: string, ...pieces: Piece[]): Handmade => ({ name, files: { stream: bytes(...pieces) } });
  const whole = (name: string, file: Uint8Array): Handmade => ({ name, files: { whole: Uint8Array.from(file) } });
  const begin = [HEADER, configuration('pc'), start(0, 'ram', 4, blocks)];
  return [
    stream('xbzrle', begin, pages(delta), end(0, delta, EOS), rest),
    stream(
      'compressed pages',
      begin,
      pages(u64be(0x100), counted('pc.ram'), u32be(packed.length), packed),
      end(0, EOS),
      rest
    ),
    stream('postcopy', HEADER, command(3, u64be(PAGE), u64be(PAGE)), start(0, 'ram', 4, blocks), pages(), [
      command(6, 0, counted('pc.ram'), 0, u64be(0), u64be(PAGE)),
      command(7, u32be(inner.length)),
      [inner, end(0, page(0, 2, 'pc.ram'), EOS)]
    ]),
    stream(
      'block and dirty-bitmap',
      begin,
      full(5, 'dirty-bitmap', 1, 0x1c, counted('node'), counted('bitmap'), u32be(65536), 1, 1),
      full(6, 'block', 1, u64be(4 + 100 * 512), u64be(2)),
      rest
    ),
    {
      name: 'multifd',
      files: {
        stream: bytes(HEADER, start(0, 'ram', 4, blocks), part(0, u64be(0x200), EOS), end(0, u64be(0x200), EOS), rest)
      },
      beside: { channels: multifd.map((c) => Uint8Array.from(c)) }
    },
    {
      name: 'x-ignore-shared',
      files: { stream: bytes(HEADER, configuration('pc', capabilities('x-ignore-shared')), shared, end(0, EOS), rest) },
      beside: { ram: new Uint8Array(4 * PAGE).fill(1, PAGE, 2 * PAGE) }
    },
    {
      name: 'preempt',
      files: { stream: bytes(begin, pages(), command(7, u32be(inner.length)), inner, end(0, EOS)) },
      beside: { preempt: bytes(page(PAGE, 8, 'pc.ram'), zeroPage(0, 'pc.bios'), EOS) }
    },
    whole('mapped-ram', mappedRam()),
    whole('no container', plain),
    whole('gzip', gzipSync(plain)),
    whole('zstd', zstd(plain)),
    whole('zstd of words', wordsZstd),
    whole('zstd of letters', lettersZstd),
    whole('xz of words', wordsXz),
    whole('libvirt', libvirt(plain)),
    whole('libvirt of gzip', libvirt(gzipSync(plain))),
    whole('qcow2', qcow2(plain.subarray(0, 16000))),
    whole(
      'qcow2 with compressed clusters',
      qcow2(bytes(HEADER, rest), { clusters: ['compressed'], names: ['one', 'two'] })
    ),
    whole(
      'cpr',
      bytes('QCPR', u32be(1), 1, u32be(7), 'pc.ram\0', u32be(0), u32be(5), 1, u32be(5), 'node\0', u32be(0), 0x20, 0)
    ),
    whole(
      'return path',
      bytes(
        u16be(2),
        u16be(4),
        u32be(1),
        u16be(3),
        u16be(19),
        u64be(0),
        u32be(PAGE),
        counted('pc.ram'),
        u16be(1),
        u16be(4),
        u32be(0)
      )
    ),
    whole('behind something', bytes(zeros(5000), plain))
  ];
}
