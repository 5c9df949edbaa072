/** What outlives a visit: the address, a reload, the history. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import {
  drop,
  PAGE_TIMEOUT,
  run,
  textOf,
  tickedIn,
  tickOnly,
  visit,
} from '../../support/playgroundPage.ts';
import type { Place, TestOptions } from '../../support/playgroundPlace.ts';

export function stateTests(place: Place, options: TestOptions): void {
  test('a reload keeps picture and answer; the address has neither', options, async () => {
    const { browser, url } = place();
    const { page, complaints } = await visit(browser, url);
    const background = { r: 90, g: 120, b: 200 };
    const size = { width: 64, height: 64, channels: 3 } as const;
    const own = await sharp({ create: { ...size, background } })
      .png()
      .toBuffer();
    await drop(page, 'own.png', 'image/png', own);
    await page.getByText('own.png').waitFor();
    await tickOnly(page, 'metadata');
    await page.getByText('Settings', { exact: true }).click();
    await page.getByLabel('Seed', { exact: true }).fill('11');
    await run(page);
    const shown = await textOf(page.locator('[data-target=metadata] table'));
    const address = page.url();
    assert.match(address, /#generate\?in\.rgb=own&targets=metadata&seed=11$/);
    await page.reload();
    await page.waitForSelector('html[data-ready]');
    assert.ok(await page.getByAltText('Preview of own.png').isVisible());
    assert.deepEqual(await tickedIn(page), ['metadata']);
    assert.equal(await page.getByLabel('Seed', { exact: true }).inputValue(), '11');
    assert.equal(await textOf(page.locator('[data-target=metadata] table')), shown);

    // The history brings it back after something else, with the stored answer.
    await page.getByRole('button', { name: 'Clear', exact: true }).click();
    assert.ok(!page.url().includes('in.rgb'));
    const entry = page.locator('.history-list li').first();
    await entry.locator('.history-open').click();
    await page.locator('#status', { hasText: /^Done in .*from the cache/ }).waitFor();
    assert.equal(await textOf(page.locator('[data-target=metadata] table')), shown);
    await page.getByRole('button', { name: 'Forget all' }).click();
    assert.equal(await page.locator('.history').isVisible(), false);
    await page.reload();
    assert.equal(await page.locator('.history-list li').count(), 0);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test(
    'a link leads to the same form, and one with an own picture to its upload',
    options,
    async () => {
      const { browser, url } = place();
      const context = await browser.newContext({
        permissions: ['clipboard-read', 'clipboard-write'],
      });
      const page = await context.newPage();
      page.setDefaultTimeout(PAGE_TIMEOUT);
      const link =
        '#generate?in.rgb=example%3Ascene-2.png&hide.rgb=3-5.9&in.caption=text%3Aa+red+cone&targets=depth&samples=2' +
        '&chained=false&settings=%7B%22depth%22%3A%7B%22steps%22%3A3%7D%7D';
      await page.goto(`${url}/${link}`);
      await page.waitForSelector('html[data-ready]');
      const caption = page.getByLabel('Caption', { exact: true }).first();
      assert.equal(await caption.inputValue(), 'a red cone');
      assert.equal(await page.locator('.patches button[aria-pressed=true]').count(), 4);
      assert.deepEqual(await tickedIn(page), ['depth']);
      const copied = async (): Promise<string> => {
        // A while after it has said so, the button says again what it does.
        await page.getByRole('button', { name: 'Copy link' }).click();
        await page.getByRole('button', { name: 'Copied' }).waitFor();
        return await page.evaluate(() => navigator.clipboard.readText());
      };
      assert.equal(await copied(), `${url}/${link}`);

      const own = await sharp({
        create: { width: 64, height: 64, channels: 3, background: { r: 9, g: 9, b: 9 } },
      })
        .png()
        .toBuffer();
      await drop(page, 'own.png', 'image/png', own);
      await page.getByText('own.png').waitFor();
      const shared = await copied();
      assert.match(shared, /in\.rgb=named%3Aupload_\w+/);
      const other = await browser.newPage();
      other.setDefaultTimeout(PAGE_TIMEOUT);
      await other.goto(shared);
      await other.waitForSelector('html[data-ready]');
      await other
        .getByText(/^upload_/)
        .first()
        .waitFor();
      assert.match(await run(other), /computed now/);
      await other.close();
      await context.close();
    },
  );
}
