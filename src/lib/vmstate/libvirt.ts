/** The header that libvirt puts before a stream (`virsh save`). Source: libvirt src/qemu/qemu_saveimage.[ch]. */
import { Damage, type PeekStream } from './peek-stream.ts';

const HEADER = 92;
const VERSION = 2;
const FORMATS = ['raw', 'gzip', 'bzip2', 'xz', 'lzop', 'zstd', 'sparse'];
/** Of the domain's XML as much is looked at. */
const XML_SEEN = 65536;

export interface LibvirtHeader {
  readonly version: number;
  /** Bytes of XML, cookie and padding behind the header. */
  readonly dataLength: number;
  readonly wasRunning: boolean;
  /** How the stream is compressed: `raw`, `gzip`, … */
  readonly format: string;
  /** Where the cookie begins behind the header; 0 without one. */
  readonly cookieOffset: number;
  /** The domain's name, from its XML. */
  readonly domain: string | undefined;
  readonly finished: boolean;
  /** Where the stream begins. */
  readonly streamOffset: number;
}

/**
 * virQEMUSaveHeader: 16 bytes of magic, then 32-bit words in the byte order of the host that wrote it, which the
 * version gives away.
 * @throws Damage where libvirt would refuse the header
 */
export async function readLibvirtHeader(input: PeekStream): Promise<LibvirtHeader> {
  const start = input.position;
  const bytes = await input.peek(HEADER + XML_SEEN);
  if (bytes.length < HEADER) throw new Damage(start + bytes.length, 'failed to read qemu header: the file ends in it');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const little = view.getUint32(16, true) <= VERSION;
  const word = (i: number): number => view.getUint32(16 + 4 * i, little);
  const version = word(0);
  if (version > VERSION) throw new Damage(start + 16, `image version is not supported (${version} > ${VERSION})`);
  const dataLength = word(1);
  if (dataLength === 0) throw new Damage(start + 20, 'invalid header data length: 0');
  const format = FORMATS[version === VERSION ? word(3) : 0];
  if (format === undefined) throw new Damage(start + 28, `unsupported save image format: ${word(3)}`);
  const xml = new TextDecoder().decode(bytes.subarray(HEADER, HEADER + dataLength));
  return {
    version,
    dataLength,
    wasRunning: word(2) !== 0,
    format,
    cookieOffset: word(4),
    domain: /<name>([^<]{1,256})<\/name>/.exec(xml)?.[1],
    finished: bytes[12] === 'S'.charCodeAt(0),
    streamOffset: HEADER + dataLength
  };
}
