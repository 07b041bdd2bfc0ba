/** Images by their format, and into drives: the same for files of a page and of a process. */
import type { ByteSource } from '../../vmstate/source.ts';
import type { BlockBackend } from './block-backend.ts';
import type { BlockDriver } from './block-driver.ts';
import { CowOverlay } from './cow.ts';
import { probeFormat, Qcow2Image } from './qcow2.ts';
import { RawImage, type ByteSink } from './raw.ts';

export interface ImageOptions {
  /** Undefined: told from the first bytes. */
  readonly format?: string | undefined;
  /** Where a raw image can be written; without it, and for qcow2, writes stay in memory. */
  readonly sink?: ByteSink | undefined;
  /** Name or id of the qcow2 snapshot whose disk it is to be. */
  readonly snapshot?: string | undefined;
}

export class ImageFormatError extends Error {}

/**
 * @throws ImageFormatError for a format that there is not
 * @throws Damage for what is no such image, or needs another one
 */
export async function openImage(
  source: ByteSource,
  { format, sink, snapshot }: ImageOptions = {}
): Promise<BlockDriver> {
  const kind = format ?? (await probeFormat(source));
  if (kind === 'qcow2') return Qcow2Image.open(source, snapshot === undefined ? {} : { snapshot });
  if (kind === 'raw') return new RawImage(source, sink);
  throw new ImageFormatError(`Unknown driver '${kind}'; there are: raw, qcow2`);
}

/**
 * Puts an image in; what it cannot take is kept in memory over it, unless the drive is not to be written at all.
 * Returns why not.
 */
export function insertImage(blk: BlockBackend, image: BlockDriver, readOnly = false): string | undefined {
  return blk.insert(image.readOnly && !readOnly ? new CowOverlay(image) : image);
}
