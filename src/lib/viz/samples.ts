/** The snapshots that the site carries: folders with the files, and a `manifest.json` that names them. */
import { isObject } from '../vmstate/json.ts';

export interface Sample {
  readonly id: string;
  readonly title: string;
  /** What there is to see in it. */
  readonly description: string;
  readonly folder: string;
  readonly files: readonly SampleFile[];
  /** Its guest takes `dirty RATE SIZE PATTERN` on its first serial port. */
  readonly workload: boolean;
  /** Whose contents are in the guest's memory and disk. */
  readonly packages: readonly SourcePackage[];
}
/** A Debian source package. */
export interface SourcePackage {
  readonly source: string;
  readonly sourceVersion: string;
}
interface SampleFile {
  readonly name: string;
  readonly bytes: number;
}

function readSample(folder: string, json: unknown): Sample | undefined {
  if (!isObject(json) || !Array.isArray(json.files)) return undefined;
  const { id, title, description, workload } = json;
  if (typeof id !== 'string' || typeof title !== 'string') return undefined;
  const packages = (Array.isArray(json.packages) ? (json.packages as unknown[]) : []).flatMap((p) =>
    isObject(p) && typeof p.source === 'string' && typeof p.sourceVersion === 'string'
      ? [{ source: p.source, sourceVersion: p.sourceVersion }]
      : []
  );
  const files = (json.files as unknown[]).flatMap((f) =>
    isObject(f) && typeof f.name === 'string'
      ? [{ name: f.name, bytes: typeof f.bytes === 'number' ? f.bytes : 0 }]
      : []
  );
  if (files.length === 0) return undefined;
  const about = typeof description === 'string' ? description : '';
  return { id, title, description: about, folder, files, workload: workload === true, packages };
}

/**
 * The samples of all manifests, in order; what is none is left out.
 * @param manifests folder to the content of its `manifest.json`
 */
export function readSamples(manifests: Readonly<Record<string, unknown>>): Sample[] {
  return Object.entries(manifests).flatMap(([folder, json]) => {
    const listed = isObject(json) && Array.isArray(json.samples) ? (json.samples as unknown[]) : [];
    return listed.map((sample) => readSample(folder, sample)).filter((sample) => sample !== undefined);
  });
}

/**
 * Fetches a sample's files, as if they had been dropped. Throws when one is missing.
 * @param base address of the folder of all samples, with its slash
 * @param progress told how many bytes of all files have come
 */
export async function fetchSample(
  base: string,
  sample: Sample,
  progress: (bytes: number) => void,
  get: typeof fetch = fetch
): Promise<File[]> {
  let bytes = 0;
  const fetchFile = async ({ name }: SampleFile) => {
    const answer = await get(`${base}${sample.folder}/${name}`);
    if (!answer.ok || !answer.body) throw new Error(`${sample.folder}/${name}: ${answer.status} ${answer.statusText}`);
    const counted = answer.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, to) {
          progress((bytes += chunk.length));
          to.enqueue(chunk);
        }
      })
    );
    return new File([await new Response(counted).blob()], name);
  };
  return Promise.all(sample.files.map(fetchFile));
}

/** Each source package of the samples once, by name. */
export function sourcePackages(samples: readonly Sample[]): SourcePackage[] {
  const all = samples.flatMap((s) => s.packages);
  const once = new Map(all.map((p) => [`${p.source} ${p.sourceVersion}`, p]));
  return [...once.values()].sort((a, b) => a.source.localeCompare(b.source));
}
