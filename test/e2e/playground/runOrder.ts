/** Runs of the generate view that overlap with what a visitor does meanwhile: what comes later holds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { hold } from '../../support/held.ts';
import { run, textOf, tickedIn, tickOnly, visit } from '../../support/playgroundPage.ts';
import type { Place, TestOptions } from '../../support/playgroundPlace.ts';

const caption = (page: Page) => page.getByLabel('Caption', { exact: true }).first();
const entry = (page: Page, words: string) =>
  page.locator('.history-open', { hasText: `“${words}”` });
const status = (page: Page, text: RegExp) => page.locator('#status', { hasText: text });
const sent = (body: string | null) => JSON.parse(body ?? '{}');

export function runOrderTests(place: Place, options: TestOptions): void {
  test('of two earlier requests that are opened, the later one is shown', options, async () => {
    const { browser, url } = place();
    const { page, complaints } = await visit(browser, url);
    for (const words of ['one', 'two', 'three']) {
      await caption(page).fill(words);
      await tickOnly(page, 'depth');
      await run(page);
      await entry(page, words).waitFor();
    }
    const held = await hold(page, '**/v1/generate*', (route) => {
      const { dry_run } = sent(route.request().postData());
      return dry_run !== true;
    });
    // The one under way gives way, be it a run or one that was opened.
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await held.at(0);
    await entry(page, 'one').click();
    await held.at(1);
    await entry(page, 'two').click();
    await (await held.at(2)).continue();
    await status(page, /^Done in .*from the cache/).waitFor();
    for (const early of [0, 1]) await (await held.at(early)).continue().catch(() => {});
    assert.equal(await caption(page).inputValue(), 'two');
    assert.match(await textOf(page.locator('#command .shown-code')), /two/);
    assert.equal(await page.getByRole('button', { name: 'Cancel' }).isVisible(), false);
    assert.equal(await page.getByRole('button', { name: 'Run', exact: true }).isEnabled(), true);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test('an answer that is gone back to stays, whatever was under way', options, async () => {
    const { browser, url } = place();
    const { page } = await visit(browser, url);
    await caption(page).fill('first');
    await tickOnly(page, 'depth');
    await run(page);
    await page.getByRole('link', { name: 'Jobs' }).click();
    await page.getByRole('link', { name: 'Generate', exact: true }).click();
    await caption(page).fill('later');
    const held = await hold(page, '**/v1/generate*', (route) => {
      const { dry_run } = sent(route.request().postData());
      return dry_run !== true;
    });
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await held.at(0);
    await page.goBack();
    await page.goBack();
    await status(page, /^As before/).waitFor();
    await (await held.at(0)).continue().catch(() => {});
    await page.waitForTimeout(300);
    assert.match(await textOf(page.locator('#status')), /^As before/);
    assert.equal(await caption(page).inputValue(), 'first');
    assert.equal(await page.getByRole('button', { name: 'Run', exact: true }).isEnabled(), true);
    await page.close();
  });

  test('the ticks of a preset come where it is still the last wish', options, async () => {
    const { browser, url } = place();
    const { page } = await visit(browser, url);
    const before = await tickedIn(page);
    const held = await hold(page, '**/v1/generate*', (route) => {
      const { dry_run, targets } = sent(route.request().postData());
      return dry_run === true && targets === undefined;
    });
    const preset = page.getByRole('button', { name: 'A picture from anything' });
    const answer = async (index: number): Promise<void> => {
      await (await held.at(index)).fulfill({ json: { plan: [{ target: 'depth' }] } });
      await page.waitForTimeout(200);
    };
    await preset.click();
    await held.at(0);
    await preset.click();
    await answer(0);
    assert.deepEqual(await tickedIn(page), before, 'it was let go');

    await preset.click();
    await held.at(1);
    await tickOnly(page, 'caption');
    await answer(1);
    assert.deepEqual(await tickedIn(page), ['caption'], 'the visitor has ticked');
    await page.close();
  });

  test('the code of a job is that of what was asked', options, async () => {
    const { browser, url } = place();
    const { page } = await visit(browser, url);
    await caption(page).fill('asked for');
    const held = await hold(
      page,
      '**/v1/generate*',
      (route) => route.request().headers().prefer === 'respond-async',
    );
    await page.getByRole('button', { name: 'Run as a job' }).click();
    const asked = await held.at(0);
    await caption(page).fill('typed later');
    await asked.fulfill({ status: 202, json: { id: 'job_1', status: 'queued' } });
    await page.getByRole('link', { name: 'Watch it in Jobs' }).waitFor();
    assert.match(await textOf(page.locator('#command .shown-code')), /asked for/);
    await page.close();
  });

  test('a price that was asked for twice is that of the form', options, async () => {
    const { browser, url } = place();
    const { page } = await visit(browser, url);
    const large = { name: 'large.png', mimeType: 'image/png', buffer: Buffer.alloc(2_000_000, 1) };
    await page.locator('#input-rgb').setInputFiles(large);
    await page.getByText('large.png').waitFor();
    await tickOnly(page, 'depth');
    const held = await hold(page, '**/v1/generate*');
    const ask = page.getByRole('button', { name: 'Price?' });
    await ask.dblclick();
    await held.at(0);
    await held.at(1);
    await tickOnly(page, 'depth', 'caption');
    const price = { units: 1234, price: undefined, currency: undefined };
    for (const index of [0, 1])
      await (await held.at(index)).fulfill({ json: { plan: [], usage: price } }).catch(() => {});
    await page.waitForTimeout(100);
    assert.equal(await textOf(page.locator('#price')), 'Price?');
    await page.close();
  });
}
