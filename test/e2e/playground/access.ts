/** Every view for everyone: axe finds nothing, nothing is wider than the screen, and nothing covers a field. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { axeFaults, overflowOf } from '../../support/axe.ts';
import type { Place, TestOptions } from '../../support/playgroundPlace.ts';

const VIEWS = ['generate', 'classify', 'retrieve', 'jobs'];
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
      const page = await browser.newPage({ viewport: { width, height: 800 } });
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
        assert.deepEqual(await axeFaults(page), [], view);
        assert.equal(await overflowOf(page), 0, view);
      }
      await page.setViewportSize({ width: 320, height: 700 });
      for (const view of VIEWS) {
        await page.goto(`${url}/#${view}`);
        assert.equal(await overflowOf(page), 0, `${view} at 320 pixels`);
      }
      await page.close();
    });
}
