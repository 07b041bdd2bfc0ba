/** The page as a person uses it: what they open, press and read. Everything is found by role and accessible name. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test as base, type Locator, type Page } from '@playwright/test';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A committed sample's file. */
export const sampleFile = (name: string): string => join(root, 'static', 'samples', 'workload', name);
/** A file of a golden scenario, made by native QEMU; see `tests/support/golden.ts` for which there are. */
export const goldenFile = (...path: readonly string[]): string => join(root, 'tests', 'golden', ...path);

/** Titles of the committed samples. */
export const WORKLOAD = 'Workload guest, migrated live while it wrote';
export const IDLE = 'Workload guest, idle at its prompt';

export type FileToOpen = string | { readonly name: string; readonly bytes: Uint8Array };
const payload = (file: FileToOpen) =>
  typeof file === 'string'
    ? { name: basename(file), mimeType: 'application/octet-stream', buffer: readFileSync(file) }
    : { name: file.name, mimeType: 'application/octet-stream', buffer: Buffer.from(file.bytes) };

/** What is drawn, as a short text that differs when the picture does; once two looks are alike. */
export async function pictureOf(canvas: Locator): Promise<string> {
  const look = async () =>
    createHash('sha256')
      .update(await canvas.screenshot())
      .digest('hex');
  for (let before = await look(); ;) {
    const now = await look();
    if (now === before) return now;
    before = now;
  }
}

export class App {
  readonly page: Page;
  constructor(page: Page) {
    this.page = page;
  }

  // Where things are.
  get status(): Locator {
    return this.page.getByRole('status');
  }
  get tree(): Locator {
    return this.page.getByRole('tree', { name: 'Sections' });
  }
  get bytes(): Locator {
    return this.page.getByRole('grid', { name: 'Bytes', exact: true });
  }
  get fields(): Locator {
    return this.page.getByRole('region', { name: 'Fields' });
  }
  get problems(): Locator {
    return this.page.getByRole('log', { name: 'Problems' });
  }
  get ramMap(): Locator {
    return this.page.getByRole('region', { name: 'RAM map' });
  }
  get timeline(): Locator {
    return this.page.getByRole('region', { name: 'Timeline' });
  }
  get pageView(): Locator {
    return this.page.getByRole('region', { name: 'Page', exact: true });
  }
  get rounds(): Locator {
    return this.page.getByRole('table', { name: 'Rounds' });
  }
  /** The title of the open file, with its facts. */
  get title(): Locator {
    return this.page.getByRole('banner').getByRole('heading', { level: 1 });
  }
  get palette(): Locator {
    return this.page.getByRole('dialog', { name: 'Command palette' });
  }
  /** A row of the tree by how its name begins: `cpu`, `env.eip`. */
  row(name: string): Locator {
    const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    return this.tree.getByRole('treeitem', { name: new RegExp(`^${escaped}(?!\\S)`) });
  }

  /** The row of a section that may lie below, scrolled to as with a wheel. */
  async scrollTo(name: string): Promise<Locator> {
    await this.tree.hover();
    for (let i = 0; i < 50 && !(await this.row(name).isVisible()); i++) {
      await this.page.mouse.wheel(0, 100);
      await this.idle();
    }
    return this.row(name);
  }

  // What is done.
  /** Settles when nothing is under way. */
  async idle(): Promise<void> {
    await this.page.waitForFunction(() => window.migrascope !== undefined);
    await this.page.evaluate(() => window.migrascope.idle());
  }
  async go(address = '/'): Promise<void> {
    await this.page.goto(address);
    await this.idle();
  }
  async openSample(title = WORKLOAD): Promise<void> {
    await this.page.getByRole('list', { name: 'Samples' }).getByRole('button', { name: title }).click();
    await this.idle();
    await expect(this.tree).toBeVisible();
  }
  /** Through the button and the browser's own dialog. */
  open(...files: readonly FileToOpen[]): Promise<void> {
    return this.choose(files, () => this.page.getByRole('button', { name: 'Open…' }).click());
  }
  /** Does what makes the browser ask for files, and answers. Paths go as they are, so that size does not matter. */
  async choose(files: readonly FileToOpen[], ask: () => Promise<void>): Promise<void> {
    const asked = this.page.waitForEvent('filechooser');
    await ask();
    const paths = files.filter((f) => typeof f === 'string');
    await (await asked).setFiles(paths.length === files.length ? paths : files.map(payload));
    await this.idle();
  }
  /** Drops files of the disk anywhere on the page, as the desktop does. */
  async drop(...paths: readonly string[]): Promise<void> {
    const devtools = await this.page.context().newCDPSession(this.page);
    const data = { items: [], files: [...paths], dragOperationsMask: 1 };
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
      await devtools.send('Input.dispatchDragEvent', { type, x: 640, y: 400, data });
    }
    await devtools.detach();
    await this.idle();
  }
  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
    await this.idle();
  }
  /** Brings a panel to the front. */
  async show(panel: string): Promise<void> {
    await this.page.getByRole('tab', { name: panel, exact: true }).click();
    await this.idle();
  }
  /** Types where a key led to, once the keys go there. */
  async typeInto(box: Locator, text: string): Promise<void> {
    await expect(box).toBeFocused();
    await this.page.keyboard.type(text);
  }
  /** Opens the palette and types there. */
  async findAnything(text: string): Promise<void> {
    await this.press('Control+k');
    await this.typeInto(this.palette.getByRole('combobox'), text);
  }
  /** Begins a note on what is selected. */
  async note(text: string): Promise<void> {
    await this.press('Control+Shift+m');
    await this.typeInto(this.page.getByRole('textbox', { name: /^Note on/ }), text);
  }
  /** Runs a command by its title, through the palette. */
  async command(title: string): Promise<void> {
    await this.findAnything(`>${title}`);
    await expect(this.palette.getByRole('option', { selected: true })).toContainText(title);
    await this.press('Enter');
  }
  /** Selects the byte at an offset of the stream. */
  async goToOffset(offset: string): Promise<void> {
    await this.page.getByRole('textbox', { name: 'Go to offset' }).fill(offset);
    await this.press('Enter');
  }
}

/** `app` is at the first page; `opened` has the workload sample open. A test fails when the page throws. */
export const test = base.extend<{ app: App; opened: App }>({
  app: async ({ page }, use) => {
    const thrown: string[] = [];
    page.on('pageerror', (error) => thrown.push(error.stack ?? error.message));
    page.on('console', (message) => message.type() === 'error' && thrown.push(message.text()));
    const app = new App(page);
    await app.go();
    await use(app);
    expect(thrown).toEqual([]);
  },
  opened: async ({ app }, use) => {
    await app.openSample();
    await use(app);
  }
});
export { expect };
