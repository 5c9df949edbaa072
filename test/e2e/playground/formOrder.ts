/** Files that are read slowly, and browsers that refuse what most allow. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { PNG, PNG_URL } from '../../support/fakeWorker.ts';
import { readSlowly } from '../../support/held.ts';
import { PAGE_TIMEOUT, sentByRun, textOf } from '../../support/playgroundPage.ts';
import type { Place, TestOptions } from '../../support/playgroundPlace.ts';

const fileName = (page: Page) => page.locator('[data-field="/inputs/rgb"] .file-name');
const choose = (page: Page, name: string) =>
  page.locator('#input-rgb').setInputFiles({ name, mimeType: 'image/png', buffer: PNG });
const caption = (page: Page) => page.getByLabel('Caption', { exact: true }).first();

export function formOrderTests(place: Place, options: TestOptions): void {
  const slowly = async (path = ''): Promise<Page> => {
    const { browser, url } = place();
    const page = await browser.newPage();
    page.setDefaultTimeout(PAGE_TIMEOUT);
    await readSlowly(page);
    await page.goto(`${url}/${path}`);
    await page.waitForSelector('html[data-ready]');
    return page;
  };

  test('a file that is still read is cleared with all the rest', options, async () => {
    const page = await slowly();
    const clear = page.getByRole('button', { name: 'Clear', exact: true });
    await clear.click();
    await choose(page, 'slow.png');
    await clear.click();
    await page.waitForTimeout(800);
    assert.equal(await textOf(fileName(page)), '');
    await page.close();
  });

  test(
    'words that are typed while a file is read take the place of the example alone',
    options,
    async () => {
      const page = await slowly();
      await choose(page, 'slow.png');
      await caption(page).fill('a cone');
      await fileName(page).filter({ hasText: 'slow.png' }).waitFor();
      assert.equal(await caption(page).inputValue(), 'a cone');
      await page.close();
    },
  );

  test(
    'a run has the file that was chosen before it, however long that is read',
    options,
    async () => {
      const page = await slowly();
      await page.locator('input[name=target][value=depth]').check();
      await choose(page, 'slow.png');
      const { inputs } = (await sentByRun(page)) as unknown as { inputs: { rgb: string } };
      assert.ok(inputs.rgb === PNG_URL, `${inputs.rgb.length} characters of another picture`);
      await page.close();
    },
  );

  test('the page works where the browser keeps nothing', options, async () => {
    const { browser, url } = place();
    const page = await browser.newPage();
    page.setDefaultTimeout(PAGE_TIMEOUT);
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    // What Chromium does where a visitor blocks all cookies.
    await page.addInitScript(() => {
      for (const name of ['localStorage', 'sessionStorage'])
        Object.defineProperty(window, name, {
          get() {
            throw new DOMException('Access is denied for this document.', 'SecurityError');
          },
        });
    });
    await page.goto(url);
    await page.waitForSelector('html[data-ready]');
    await caption(page).fill('a cone');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.locator('#status', { hasText: /^Done in/ }).waitFor();
    assert.equal(await page.locator('.problem').count(), 0);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test('a reload keeps a picture, whatever room the last answer takes', options, async () => {
    const { browser, url } = place();
    const page = await browser.newPage();
    page.setDefaultTimeout(PAGE_TIMEOUT);
    await page.goto(url);
    await page.waitForSelector('html[data-ready]');
    const model = { id: 'fake', digest: 'd', licence: '', precision: 'fp32' };
    const usage = { encoder_passes: 0, decoder_passes: 0, generated_tokens: 0 };
    // Browsers keep five million characters of a tab.
    const data = `data:application/x-npy;base64,${'A'.repeat(5_000_000)}`;
    const output = { modality: 'depth', presentation: 'depth', sample: 0, tokens: [], data };
    await page.route('**/v1/generate?*', (route) =>
      route.fulfill({ json: { id: '1', model, seed: 1, outputs: { depth: [output] }, usage } }),
    );
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.locator('#status', { hasText: /^Done in/ }).waitFor();
    const buffer = Buffer.concat([PNG, Buffer.alloc(300_000)]);
    const picture = { name: 'own.png', mimeType: 'image/png', buffer };
    await page.locator('#input-rgb').setInputFiles(picture);
    await fileName(page).filter({ hasText: 'own.png' }).waitFor();
    await page.reload();
    await page.waitForSelector('html[data-ready]');
    assert.equal(await textOf(fileName(page)), 'own.png');
    await page.close();
  });

  test('without a clipboard the code is selected', options, async () => {
    const { browser, url } = place();
    const page = await browser.newPage();
    page.setDefaultTimeout(PAGE_TIMEOUT);
    // Pages over plain http have none.
    await page.addInitScript(() =>
      Object.defineProperty(navigator, 'clipboard', { value: undefined }),
    );
    await page.goto(url);
    await page.waitForSelector('html[data-ready]');
    await caption(page).fill('a cone');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByRole('button', { name: 'Copy', exact: true }).click();
    await page.getByText('Selected: press Ctrl+C').waitFor();
    await page.close();
  });
}
