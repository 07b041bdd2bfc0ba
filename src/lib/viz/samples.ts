/** The snapshots that the site carries: `samples/<id>/manifest.json` and the files it names. */
export interface Sample {
  /** Folder under `samples/`. */
  readonly id: string;
  readonly title: string;
  /** What there is to see in it. */
  readonly description: string;
  readonly files: readonly SampleFile[];
}
export interface SampleFile {
  readonly name: string;
  readonly bytes: number;
}

/** A manifest as somebody wrote it, or undefined when it is none. */
export function readManifest(id: string, json: unknown): Sample | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const { title, description, files } = json as Record<keyof Sample, unknown>;
  if (typeof title !== 'string' || !Array.isArray(files)) return undefined;
  const named = files.flatMap((f: Partial<SampleFile> | undefined) =>
    typeof f?.name === 'string' ? [{ name: f.name, bytes: typeof f.bytes === 'number' ? f.bytes : 0 }] : []
  );
  if (named.length === 0) return undefined;
  return { id, title, description: typeof description === 'string' ? description : '', files: named };
}

/**
 * The samples that are there. A site without some, or without any, is no error.
 * @param base address of the folder `samples/`, with its slash
 */
export async function listSamples(base: string, get: typeof fetch = fetch): Promise<readonly Sample[]> {
  const json = async (path: string): Promise<unknown> => {
    const answer = await get(base + path);
    // A static host may answer with its page for what is not there.
    return answer.ok && /json/.test(answer.headers.get('content-type') ?? '') ? answer.json() : undefined;
  };
  const ids = await json('index.json');
  if (!Array.isArray(ids)) return [];
  const manifests = ids.map(async (id: unknown) =>
    typeof id === 'string' ? readManifest(id, await json(`${id}/manifest.json`)) : undefined
  );
  return (await Promise.all(manifests)).filter((s) => s !== undefined);
}

/** Fetches a sample's files, as if they had been dropped. Throws when one is missing. */
export async function fetchSample(base: string, sample: Sample, get: typeof fetch = fetch): Promise<File[]> {
  return Promise.all(
    sample.files.map(async ({ name }) => {
      const answer = await get(`${base}${sample.id}/${name}`);
      if (!answer.ok) throw new Error(`${sample.id}/${name}: ${answer.status} ${answer.statusText}`);
      return new File([await answer.blob()], name);
    })
  );
}
