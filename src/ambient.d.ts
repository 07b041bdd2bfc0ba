declare const __VERSION__: string;
declare module 'virtual:iced-x86' {
  const load: () => Promise<typeof import('iced-x86')>;
  export default load;
}
declare module 'virtual:licences' {
  const licences: readonly {
    readonly name: string;
    readonly version: string;
    readonly licence: string;
    readonly text: string;
  }[];
  export default licences;
}
declare module 'virtual:samples' {
  const manifests: Readonly<Record<string, unknown>>;
  export default manifests;
}
interface Window {
  /** For tests and lessons. */
  migrascope: {
    readonly version: string;
    /** Settles when nothing is pending: no call to a worker, no code or panel on its way. */
    idle(): Promise<void>;
  };
}
