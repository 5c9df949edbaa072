/** Every view for everyone: axe finds nothing, nothing is wider than the screen, and nothing covers a field. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import type { Place, TestOptions } from '../../support/playgroundPlace.ts';

const VIEWS = ['generate', 'classify', 'retrieve', 'jobs'];
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

interface Axe {
  run(options: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>;
}

const violations = (page: Page): Promise<string[]> =>
  page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: Axe };
    const found = await axe.run({ resultTypes: ['violations'] });
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
  });

/** How far the bar with Run reaches into what scrolls above it. */
const covered = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const bar = document.querySelector('#form .run')!.getBoundingClientRect();
    const scrolls = innerWidth > 780 ? document.querySelector('#form .fields')! : document.body;
    return scrolls.getBoundingClientRect().bottom - bar.top;
  });

export function accessTests(place: Place, options: TestOptions): void {
  for (const width of [1280, 360])
    test(`at ${width} pixels every view passes axe, light and dark`, options, async () => {
      const { browser, url } = place();
      const source = await readFile(AXE, 'utf8');
      // The page's own policy lets no other script in.
      const page = await browser.newPage({ viewport: { width, height: 800 }, bypassCSP: true });
      for (const view of VIEWS) {
        await page.goto(`${url}/#${view}`);
        await page.reload();
        await page.waitForSelector('html[data-ready]');
        await page.locator(`#view-${view} h2, #view-${view} select`).first().waitFor();
        if (view === 'generate') {
          await page.evaluate(() => {
            for (const details of document.querySelectorAll('details')) details.open = true;
          });
          await page.getByRole('button', { name: 'Hide parts' }).first().click();
          await page.locator('#setting-guidance').selectOption('weights');
          assert.ok((await covered(page)) <= 0.5, 'the bar covers fields');
        }
        await page.evaluate(source);
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme });
          assert.deepEqual(await violations(page), [], `${view}, ${colorScheme}`);
        }
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.equal(wide, width, view);
      }
      await page.setViewportSize({ width: 320, height: 700 });
      for (const view of VIEWS) {
        await page.goto(`${url}/#${view}`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.equal(wide, 320, `${view} at 320 pixels`);
      }
      await page.close();
    });
}
