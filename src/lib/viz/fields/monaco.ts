/** Monaco with what a read-only JSON needs: found, folded, coloured. Fetched when JSON is first looked at. */
import 'monaco-editor/editor/contrib/find/browser/findController.js';
import 'monaco-editor/editor/contrib/folding/browser/folding.js';
import { color } from 'd3';
import * as monaco from 'monaco-editor/editor/editor.api.js';
import EditorWorker from 'monaco-editor/editor/editor.worker.js?worker';

self.MonacoEnvironment = { getWorker: () => new EditorWorker() };

// Monaco's own JSON support brings a language server; colours are all that is needed here.
monaco.languages.register({ id: 'json' });
monaco.languages.setMonarchTokensProvider('json', {
  tokenizer: {
    root: [
      [/"(?:[^"\\]|\\.)*"(?=\s*:)/, 'type'],
      [/"(?:[^"\\]|\\.)*"/, 'string'],
      [/-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/, 'number'],
      [/\b(?:true|false|null)\b/, 'keyword'],
      [/[{}[\],:]/, 'delimiter']
    ]
  }
});
monaco.languages.setLanguageConfiguration('json', {
  brackets: [
    ['{', '}'],
    ['[', ']']
  ]
});

/** The theme that is built in, on the background of every panel. */
function setTheme(dark: boolean): void {
  // Monaco takes six digits only.
  const background = color(getComputedStyle(document.documentElement).getPropertyValue('--bg'))?.formatHex();
  const colors: Record<string, string> = background ? { 'editor.background': background } : {};
  monaco.editor.defineTheme('migrascope', { base: dark ? 'vs-dark' : 'vs', inherit: true, rules: [], colors });
  monaco.editor.setTheme('migrascope');
}

/** Shows text in an element; returns what changes the text or the theme, and what ends it. */
export function showJson(element: HTMLElement, label: string, dark: boolean) {
  const editor = monaco.editor.create(element, {
    language: 'json',
    readOnly: true,
    domReadOnly: true,
    automaticLayout: true,
    ariaLabel: label,
    fontSize: 12,
    lineNumbersMinChars: 4,
    minimap: { enabled: false },
    scrollBeyondLastLine: false,
    renderLineHighlight: 'none'
  });
  setTheme(dark);
  return {
    setText: (text: string) => editor.setValue(text),
    setDark: setTheme,
    dispose: () => {
      editor.getModel()?.dispose();
      editor.dispose();
    }
  };
}
