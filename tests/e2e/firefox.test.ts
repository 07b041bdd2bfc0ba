/** Debian's firefox-esr opens a sample by its link. Skipped, and said, where it is not installed; CI installs it. */
import { existsSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { Firefox } from './support/marionette.ts';

const program = process.env.FIREFOX ?? '/usr/bin/firefox-esr';

test('Firefox opens a sample by its link: sections, fields, bytes, RAM map, rounds, disassembly', async ({
  baseURL
}) => {
  const missing = !existsSync(program) && !process.env.CI;
  if (missing) console.log(`SKIPPED the smoke test in Firefox: ${program} is missing (apt-get install firefox-esr)`);
  test.skip(missing, `${program} is missing`);
  test.setTimeout(120_000);
  const firefox = await Firefox.start(program);
  try {
    // A page of the guest's code, disassembled.
    await firefox.goto(`${baseURL}/#v=1&sample=workload&sel=page:256&tab.side=page&page.tab=code&ram.colour=guess`);
    const seen = await firefox.run<{
      readonly agent: string;
      readonly status: string;
      readonly sections: readonly string[];
      readonly firstBytes: string;
      readonly rounds: string;
      readonly legend: string;
      readonly code: string;
    }>(`
      const until = async (what) => {
        for (let i = 0; i < 400; i++) {
          const found = what();
          if (found) return found;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        throw new Error('never: ' + what);
      };
      const all = (selector) => [...document.querySelectorAll(selector)];
      const named = (role, name) => document.querySelector('[role=' + role + '][aria-label="' + name + '"]');
      await until(() => window.migrascope);
      await until(() => document.querySelector('[role=status]').textContent.startsWith('Opened'));
      await window.migrascope.idle();
      await until(() => named('table', 'Code of the page')?.querySelector('[role=row]'));
      return {
        agent: navigator.userAgent,
        status: document.querySelector('[role=status]').textContent,
        sections: all('[role=treeitem]').map((row) => row.textContent.trim().split(/\\s/)[0]),
        firstBytes: all('[role=gridcell]').slice(0, 4).map((cell) => cell.textContent).join(' '),
        rounds: named('table', 'Rounds').getAttribute('aria-rowcount'),
        legend: named('group', 'Legend').textContent,
        code: named('table', 'Code of the page').textContent
      };
    `);
    console.log(seen.agent);
    expect(seen.agent).toContain('Firefox/');
    expect(seen.status).toBe('Opened workload.vmstate.gz, pc-i440fx-7.2, 90 sections, 12 rounds');
    expect(seen.sections).toEqual(expect.arrayContaining(['header', 'configuration', 'timer', 'cpu', 'apic']));
    expect(seen.firstBytes).toBe('51 45 56 4d');
    expect(seen.rounds).toBe('13');
    expect(seen.legend).toContain('looks like x86 code');
    expect(seen.code).toMatch(/0x100000.*(mov|jmp|push|call|lea|cli|test|xor)/);
  } finally {
    await firefox.stop();
  }
});
