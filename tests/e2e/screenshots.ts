/** A picture of every page, panel and dialog in both themes, for people to look at: `npm run screenshots`. No tests. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { type App, expect, sampleFile, test } from './support/app.ts';
import { openPreset, startPreset } from './support/lab.ts';
import { addBreakpoint, linuxFiles, loadLinux } from './support/linux-machine.ts';

const folder = fileURLToPath(new URL('../../screenshots', import.meta.url));
const compare = (app: App) =>
  app.choose([sampleFile('idle.vmstate.gz')], () => app.command('Compare with another file…'));
const colour = async (app: App, by: string) => {
  await app.ramMap.getByRole('combobox', { name: 'Colour by' }).selectOption(by);
  await app.idle();
};
const fill = (app: App, box: string, text: string) => app.page.getByRole('textbox', { name: box }).fill(text);
/** A panel over all others. */
const alone = async (app: App, panel: string) => {
  await app.page.locator(`[data-panel=${panel}] [tabindex="0"]`).first().focus();
  await app.command('Maximise the panel');
};
const hotPage = async (app: App, tab: string) => {
  await app.page.getByRole('region', { name: 'Hot pages' }).getByRole('button').first().click();
  await app.idle();
  await app.pageView.getByRole('tab', { name: tab }).click();
};
const field = async (app: App, section: string, name: string) => {
  await app.row(section).click();
  await app.press('ArrowRight');
  await app.tree.focus();
  await app.row(section).click();
  await app.press('Control+k');
  await app.page.keyboard.type(`${section}.${name}`);
  await expect(app.palette.getByRole('option', { selected: true })).toContainText(name);
  await app.press('Enter');
};

/** Before a file is open. */
const firstPage: Readonly<Record<string, (app: App) => Promise<void>>> = {
  home: async () => undefined,
  'home-no-such-view': async ({ page }) => {
    await page.goto('about:blank');
    await page.goto('/#v=99');
    await expect(page.getByRole('alert')).toBeVisible();
  },
  'what-is-decoded': async (app) => {
    await app.command('What is decoded');
    await expect(app.page.getByRole('heading', { name: 'What is decoded' })).toBeVisible();
  },
  about: async (app) => {
    await app.command('About, licences');
    await expect(app.page.getByRole('heading', { name: /^About/ })).toBeVisible();
  },
  'file-that-is-none': (app) =>
    app.open({ name: 'noise.state', bytes: Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) >> 3) }),
  'stream-that-is-cut': async (app) => {
    const whole = gunzipSync(readFileSync(sampleFile('workload.vmstate.gz')));
    await app.open({ name: 'cut.state', bytes: whole.subarray(0, 0xdd5f00) });
    await app.problems.getByRole('button').first().click();
  }
};

/** With the workload sample. */
const workbench: Readonly<Record<string, (app: App) => Promise<void>>> = {
  workbench: async () => undefined,
  'section-cpu': async (app) => {
    await app.row('cpu').click();
    await app.press('ArrowRight');
  },
  'field-register': (app) => field(app, 'cpu', 'env.cr[0]'),
  'field-struct': (app) => field(app, 'cpu', 'env.segs'),
  'field-pointer': (app) => field(app, 'cpu', 'env.eip'),
  'section-ram': (app) => app.row('ram').first().click(),
  bytes: async (app) => {
    await app.goToOffset('0xdd5ca3');
    await app.press('Shift+ArrowDown', 'Shift+ArrowRight');
  },
  'bytes-alone': (app) => alone(app, 'bytes'),
  json: async (app) => {
    await app.show('JSON');
    await expect(app.page.getByRole('tabpanel', { name: 'JSON' })).toContainText('"configuration"');
  },
  'diff-nothing': (app) => app.show('Diff'),
  'diff-files': async (app) => {
    await compare(app);
    await app.press('F7', 'F7', 'F7');
  },
  'diff-rounds': async (app) => {
    await app.show('Diff');
    await app.page.getByRole('combobox', { name: 'From' }).selectOption('after round 1');
    await app.page.getByRole('combobox', { name: 'to', exact: true }).selectOption('after round 2');
  },
  checks: (app) => app.show('Checks'),
  'checks-error': async (app) => {
    await app.show('Checks');
    await fill(app, 'Explain this error', 'qemu-system-x86_64: Missing section footer for i8254');
    await app.page.getByRole('button', { name: 'Explain' }).click();
  },
  'checks-destination': async (app) => {
    await app.show('Checks');
    await fill(app, 'Machine type', 'pc-q35-7.2');
    await app.page.getByRole('button', { name: 'Check', exact: true }).click();
  },
  notes: async (app) => {
    await (await app.scrollTo('i8254')).click();
    await app.press('Control+Shift+m');
    await app.page.keyboard.type('Channel 0 drives the clock.');
    await app.press('Control+Enter');
  },
  'timeline-stretch': async (app) => {
    await app.timeline.getByRole('application').first().focus();
    await app.press('.', '.', '[', '.', ']');
  },
  'timeline-alone': (app) => alone(app, 'timeline'),
  'rounds-alone': (app) => alone(app, 'rounds'),
  'round-chosen': (app) => app.rounds.getByRole('button', { name: 'Round 2, inferred' }).click(),
  'ram-map-alone': (app) => alone(app, 'ram'),
  ...Object.fromEntries(
    ['Entropy', 'Last round', 'Times sent', 'Guess', 'Page tables'].map((by) => [
      `ram-map-${by.toLowerCase().replace(' ', '-')}`,
      async (app: App) => {
        await colour(app, by);
        await alone(app, 'ram');
      }
    ])
  ),
  'ram-map-blocks': async (app) => {
    await app.ramMap.getByRole('combobox', { name: 'Memory shown' }).selectOption('All blocks');
    await app.ramMap.getByRole('combobox', { name: 'Layout' }).selectOption('Linear');
  },
  'page-bytes': (app) => hotPage(app, 'Bytes'),
  'page-sends': (app) => hotPage(app, 'Sends'),
  'page-code': async ({ page, ...app }) => {
    void app;
    await page.goto('about:blank');
    await page.goto('/#v=1&sample=workload&sel=page:256&tab.side=page&page.tab=code');
    await expect(page.getByRole('table', { name: 'Code of the page' }).getByRole('row').first()).toBeVisible();
  },
  'page-tables': (app) => app.show('Page tables'),
  'page-tables-walk': async (app) => {
    await app.show('Page tables');
    await fill(app, 'Address', '0xffffffff80100cc4');
    await app.press('Enter');
  },
  'page-tables-fault': async (app) => {
    await app.show('Page tables');
    await fill(app, 'Address', '0xffff900000000000');
    await app.press('Enter');
  },
  search: (app) => app.show('Search'),
  'search-found': async (app) => {
    await app.press('Control+f');
    await app.page.keyboard.type('text:dirty');
    await app.press('Enter', 'ArrowDown');
  },
  'search-nothing': async (app) => {
    await app.press('Control+f');
    await app.page.keyboard.type('hex:zz');
    await app.press('Enter');
  },
  palette: async (app) => {
    await app.press('Control+k');
    await app.page.keyboard.type('cr');
    await app.idle();
  },
  help: (app) => app.press('F1'),
  'menu-view': (app) => app.page.getByRole('menuitem', { name: 'View' }).click(),
  'menu-export': (app) => app.page.getByRole('menuitem', { name: 'Export' }).click()
};

const step = async (app: App) => {
  await app.page.getByRole('button', { name: 'Step', exact: true }).click();
  await app.idle();
};
/** With a Linux guest in the machine. */
const machine: Readonly<Record<string, (app: App) => Promise<void>>> = {
  'machine-ready': async () => undefined,
  'machine-stepped': async (app) => {
    for (const panel of ['Devices', 'Breakpoints', 'Calls', 'Live RAM', 'Registers']) await app.show(panel);
    await step(app);
  },
  'machine-watchpoint': async (app) => {
    await addBreakpoint(app, 'data', { 'Breakpoint address': 'jiffies' });
    await app.page.getByRole('button', { name: 'Resume', exact: true }).click();
    await expect(app.page.getByRole('toolbar', { name: 'Machine' })).toContainText('→', { timeout: 30_000 });
  },
  ...Object.fromEntries(
    ['CPU tables', 'Interrupts', 'Board', 'Virtqueues', 'Live RAM', 'Calls'].map((panel) => [
      `machine-${panel.toLowerCase().replace(' ', '-')}`,
      (app: App) => app.show(panel)
    ])
  ),
  'machine-page-tables': async (app) => {
    await app.show('Page tables');
    await app.page.getByRole('checkbox', { name: 'of the machine, live' }).check();
    await app.page.getByRole('button', { name: /^RIP 0x/ }).click();
  }
};

/** The migration lab: each preset as far as it shows what it is for; those with a number of rounds go on. */
const lab: Readonly<Record<string, number | 'completed'>> = {
  converges: 'completed',
  plateau: 14,
  never: 6,
  'auto-converge': 'completed',
  downtime: 'completed'
};
const migrations = Object.fromEntries(
  Object.entries(lab).map(([preset, until]) => [
    `preset-${preset}`,
    async (app: App) => {
      await openPreset(app, preset);
      await startPreset(app, until);
    }
  ])
);

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });
    test.describe.configure({ timeout: 180_000 });
    const scenes = [
      ...Object.entries(linuxFiles ? machine : {}).map(
        ([name, scene]) =>
          [
            name,
            async (app: App) => {
              await loadLinux(app);
              await scene(app);
            }
          ] as const
      ),
      ...Object.entries(firstPage),
      ...Object.entries(migrations),
      ...Object.entries(workbench).map(
        ([name, scene]) =>
          [
            name,
            async (app: App) => {
              await app.openSample();
              await scene(app);
            }
          ] as const
      )
    ];
    for (const [name, scene] of scenes) {
      test(name, async ({ app, page }) => {
        await scene(app);
        // Nothing is hovered but what a scene hovers.
        await page.mouse.move(700, 16);
        if (typeof lab[name.replace('preset-', '')] !== 'number') await app.idle();
        await page.screenshot({ path: join(folder, colorScheme, `${name}.png`), animations: 'disabled' });
        const scrollWidth = await page.evaluate(() => document.documentElement.scrollWidth);
        expect(scrollWidth).toBeLessThanOrEqual(page.viewportSize()!.width);
      });
    }
  });
}
