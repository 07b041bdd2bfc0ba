declare const __VERSION__: string;
declare module 'virtual:iced-x86' {
  const load: () => Promise<typeof import('iced-x86')>;
  export default load;
}
