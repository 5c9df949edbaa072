/** Every view for everyone: axe finds nothing, nothing is wider than the screen, and nothing covers a field. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { axeFaults, overflowOf } from '../../support/axe.ts';
import { PAGE_TIMEOUT, RUN_TIMEOUT, visit } from '../../support/playgroundPage.ts';
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
      page.setDefaultTimeout(PAGE_TIMEOUT);
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

  test('targets are one stop of the Tab key, and arrow keys go through them', options, async () => {
    const { browser, url } = place();
    const { page } = await visit(browser, url);
    const focused = (): Promise<string> =>
      page.evaluate(() => {
        const active = document.activeElement;
        return active instanceof HTMLInputElement && active.name === 'target' ? active.value : '';
      });
    const boxes = page.locator('#targets input');
    const names = await boxes.evaluateAll((all) =>
      all.map((one) => (one as HTMLInputElement).value),
    );
    await page.locator('#input-caption').focus();
    for (let presses = 0; presses < 5 && (await focused()) === ''; presses++)
      await page.keyboard.press('Tab');
    assert.equal(await focused(), names[0]);
    await page.getByText('Arrow keys go from one to the next').waitFor();
    const seen = [await focused()];
    for (let step = 1; step < names.length; step++) {
      await page.keyboard.press(step % 2 ? 'ArrowDown' : 'ArrowRight');
      seen.push(await focused());
    }
    assert.deepEqual(seen, names);
    await page.keyboard.press('ArrowRight');
    assert.equal(await focused(), names[0], 'the first one follows the last one');
    const isTicked = await boxes.first().isChecked();
    await page.keyboard.press('Space');
    assert.equal(await boxes.first().isChecked(), !isTicked);
    await page.keyboard.press('End');
    assert.equal(await focused(), names.at(-1));
    assert.deepEqual(await axeFaults(page), []);
    await page.keyboard.press('Tab');
    assert.equal(await focused(), '', 'the next stop is behind them all');
    await page.keyboard.press('Shift+Tab');
    assert.equal(await focused(), names.at(-1), 'and back is where the visitor was');
    await page.close();
  });

  test('who asks too much is told how long to wait, and can try again', options, async () => {
    const { browser, url } = place();
    const { page } = await visit(browser, url);
    let asked = 0;
    await page.route('**/v1/generate?*', (route) => {
      asked++;
      const problem = {
        ...{ type: 'about:blank', status: 429, code: 'quota_exceeded', retryable: true },
        ...{ title: 'The key has used what it may for now', detail: '60 requests a minute' },
        request_id: 'a',
      };
      return route.fulfill({
        ...{ status: 429, contentType: 'application/problem+json' },
        headers: { 'retry-after': '1' },
        body: JSON.stringify(problem),
      });
    });
    // Looked for from the beginning, since it is said for as long as the wait.
    await Promise.all([
      page.getByText('The server is busy: tried again in 1 s').waitFor(),
      page.getByRole('button', { name: 'Run', exact: true }).click(),
    ]);
    await page.getByText('The server asks for 1 second of patience.').waitFor();
    assert.equal(asked, 3);
    assert.deepEqual(await axeFaults(page), []);
    await page.unroute('**/v1/generate?*');
    await page.getByRole('button', { name: 'Try again', exact: true }).click();
    await page.getByText(/^Done in/).waitFor({ timeout: RUN_TIMEOUT });
    assert.equal(await page.locator('#problem .problem').count(), 0);
    await page.close();
  });

  test('parts of a picture are hidden by a finger, and by keys held', options, async () => {
    const { browser, url } = place();
    const viewport = { width: 360, height: 740 };
    const context = await browser.newContext({ viewport, hasTouch: true, isMobile: true });
    const page = await context.newPage();
    page.setDefaultTimeout(PAGE_TIMEOUT);
    await page.goto(url);
    await page.waitForSelector('html[data-ready]');
    await page.getByRole('button', { name: 'Hide parts' }).first().click();
    const patches = page.locator('.patches button');
    await patches.nth(17).scrollIntoViewIfNeeded();
    const at = async (index: number): Promise<{ x: number; y: number }> => {
      const box = await patches.nth(index).boundingBox();
      assert.ok(box);
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    };
    const session = await context.newCDPSession(page);
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', points: object[]) =>
      session.send('Input.dispatchTouchEvent', {
        type,
        touchPoints: points as { x: number; y: number }[],
      });
    await touch('touchStart', [await at(17)]);
    for (const index of [18, 19, 20]) await touch('touchMove', [await at(index)]);
    await touch('touchEnd', []);
    const hidden = (): Promise<number[]> =>
      patches.evaluateAll((all) =>
        all.flatMap((one, i) => (one.getAttribute('aria-pressed') === 'true' ? [i] : [])),
      );
    await page.getByText('4 of 64 hidden').waitFor();
    assert.deepEqual(await hidden(), [17, 18, 19, 20]);
    for (const key of ['Shift+ArrowDown', 'Shift+ArrowRight']) await page.keyboard.press(key);
    assert.deepEqual(await hidden(), [17, 18, 19, 20, 25, 26]);
    await page.getByText('6 of 64 hidden').waitFor();
    await context.close();
  });
}
