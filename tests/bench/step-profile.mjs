// Whose the time of the page is: what its thread spends, and samples of it, each given to the panel in whose code it fell.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/stages.mjs';

/** µs between two samples. */
const INTERVAL = 100;

/** @typedef {{ functionName: string, url: string }} CallFrame */
/** @typedef {{ id: number, callFrame: CallFrame, children?: number[] }} Node */

/**
 * Samples a page while something happens.
 * @param {import('@playwright/test').Page} page
 * @param {() => Promise<void>} what
 * @returns {Promise<Map<string, number>>} ms by owner, largest first
 */
export async function sampled(page, what) {
  const session = await page.context().newCDPSession(page);
  await session.send('Profiler.enable');
  await session.send('Profiler.setSamplingInterval', { interval: INTERVAL });
  await session.send('Profiler.start');
  await what();
  const { profile } = await session.send('Profiler.stop');
  await session.detach();
  return times(profile);
}

/**
 * Processor time of the page's thread while something happens, in ms; other programs of the machine hardly matter to it.
 * @param {import('@playwright/test').Page} page
 * @param {() => Promise<void>} what
 */
export async function processorTime(page, what) {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const read = async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    const of = (/** @type {string} */ name) => 1000 * (metrics.find((m) => m.name === name)?.value ?? NaN);
    return {
      total: of('TaskDuration'),
      script: of('ScriptDuration'),
      style: of('RecalcStyleDuration'),
      layout: of('LayoutDuration')
    };
  };
  const before = await read();
  await what();
  const after = await read();
  await session.detach();
  return {
    total: after.total - before.total,
    script: after.script - before.script,
    style: after.style - before.style,
    layout: after.layout - before.layout
  };
}

/** Built files of the panels, and of what they share, by their sources. */
function chunks() {
  const text = readFileSync(join(root, '.svelte-kit/output/client/.vite/manifest.json'), 'utf8');
  const names = new Map();
  for (const { file, src, name } of Object.values(JSON.parse(text))) {
    const [, title] = /([^/]+)\.svelte$/.exec(src ?? name ?? '') ?? [];
    names.set(file.split('/').at(-1), title ?? name);
  }
  return names;
}

/**
 * A sample belongs to the innermost caller that is a panel's code; what no panel called, to what it is.
 * @param {{ nodes: Node[], samples?: number[], timeDeltas?: number[] }} profile
 */
function times({ nodes, samples = [], timeDeltas = [] }) {
  const names = chunks();
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node])));
  const own = new Map(nodes.map((node) => [node.id, node]));
  const panel = (/** @type {Node | undefined} */ node) => {
    for (let at = node; at; at = parents.get(at.id)) {
      const name = names.get(at.callFrame.url.split('/').at(-1));
      if (name !== undefined && /^[A-Z]/.test(name)) return name;
    }
    return undefined;
  };
  const sums = new Map();
  samples.forEach((id, i) => {
    const node = own.get(id);
    const { functionName, url } = node.callFrame;
    if (functionName === '(idle)') return;
    const owner =
      panel(node) ??
      (functionName === '(program)'
        ? 'style, layout, paint'
        : functionName.startsWith('(')
          ? functionName
          : (names.get(url.split('/').at(-1)) ?? 'other scripts'));
    sums.set(owner, (sums.get(owner) ?? 0) + timeDeltas[i] / 1000);
  });
  return new Map([...sums].sort(([, a], [, b]) => b - a));
}
