/** The playground's view for retrieval in a real browser against the whole product. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { createClient } from '../../shared/client/index.ts';
import { axeFaults, overflowOf } from '../support/axe.ts';
import { browserMissing, launchBrowser } from '../support/browser.ts';
import { demoPicture } from '../support/demoSet.ts';
import { pastedLanguages, runPasted, shownCode } from '../support/pastedCode.ts';
import { PAGE_TIMEOUT } from '../support/playgroundPage.ts';
import { type Product, startProduct } from '../support/product.ts';
import { REPOSITORY } from '../support/shared.ts';

const missing = browserMissing();
const options = missing ? { skip: missing } : {};
let folder: string;
let product: Product;
let browser: Browser;

before(async () => {
  if (missing) return;
  folder = await mkdtemp(join(tmpdir(), 'playground-retrieve-'));
  product = await startProduct(join(folder, 'data'));
  browser = await launchBrowser();
});
after(async () => {
  await browser?.close();
  await product?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function open(path: string): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
  page.setDefaultTimeout(PAGE_TIMEOUT);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(`${product.url}/${path}`);
  await page.waitForSelector('html[data-ready]');
  return { page, complaints };
}

const idsOf = (page: Page): Promise<(string | null)[]> =>
  page
    .locator('[data-item]')
    .evaluateAll((cards) => cards.map((card) => card.getAttribute('data-item')));
test(
  'pictures go into a collection and are found by text, picture, depth and a mix',
  options,
  async () => {
    const { page, complaints } = await open('');
    await page.getByRole('link', { name: 'Retrieve' }).click();
    await page.locator('#view-generate').waitFor({ state: 'hidden' });
    await page.getByText(/Make a collection first/).waitFor();
    await page.getByLabel('Name').fill('My pictures');
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.getByText(/small letters/).waitFor();
    assert.deepEqual(await axeFaults(page), [], 'a refusal');
    // The browser itself complains of the refusal.
    complaints.length = 0;
    await page.getByLabel('Name').fill('pictures');
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.getByText('Scene vector, predicted, 54 numbers each').waitFor();

    await page.getByRole('button', { name: 'Add the 4 examples' }).click();
    await page.getByText('4 items').waitFor();
    // Files that are chosen, as many as there are; one that is no picture is told and left out.
    const own = ['rgb', 'normal'].map(async (kind) => ({
      name: `my ${kind}.png`,
      mimeType: 'image/png',
      buffer: await demoPicture(kind),
    }));
    const note = { name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('x') };
    await page.locator('#add-pictures').setInputFiles([...(await Promise.all(own)), note]);
    await page.getByText('6 items').waitFor();
    assert.ok(await page.getByText(/note.txt is not a picture/).isVisible());
    assert.equal(await page.locator('[data-item] img').count(), 6);

    const view = page.locator('#view-retrieve');
    await view.getByLabel('Caption', { exact: true }).fill('a red sphere left of a blue box');
    await view.getByRole('button', { name: 'Search', exact: true }).click();
    await page.getByText(/^6 nearest of 6 items, by comparison/).waitFor();
    const client = createClient({ baseUrl: product.url });
    const expected = await client.search('pictures', {
      inputs: { caption: 'a red sphere left of a blue box' },
    });
    assert.deepEqual(
      await idsOf(page),
      expected.results.map(({ id }) => id),
    );
    assert.deepEqual(await axeFaults(page), [], 'what is found');

    // A picture finds itself; less of it puts it last.
    await view.getByRole('button', { name: 'Clear' }).click();
    await page.getByText('6 items').waitFor();
    await view.locator('#input-search-rgb').setInputFiles(join(REPOSITORY, 'examples/scene-2.png'));
    await view.getByRole('button', { name: 'Search', exact: true }).click();
    await page.getByText(/^6 nearest/).waitFor();
    assert.equal((await idsOf(page))[0], 'scene-2.png');
    await view.getByRole('button', { name: 'Use example scene-3.png' }).click();
    await view.getByLabel('Caption', { exact: true }).fill('a cone; it\'s "green"');
    await view.getByRole('button', { name: 'Search', exact: true }).click();
    await view.locator('.shown-code', { hasText: /mix/ }).waitFor();
    await page.locator('#retrieve-status', { hasText: /^6 nearest/ }).waitFor();
    const found = await idsOf(page);
    for (const language of pastedLanguages()) {
      const printed = await runPasted(language, await shownCode(view, language), REPOSITORY);
      const ids = [...printed.matchAll(/["']?\bid["']?:\s*["']([^"']+)["']/g)].map(([, id]) => id);
      // The model's own id comes last.
      assert.deepEqual(ids.slice(0, found.length), found, language);
    }
    await view.getByRole('button', { name: 'Clear' }).click();
    await page.getByText('6 items').waitFor();
    await view.locator('#input-search-rgb').setInputFiles(join(REPOSITORY, 'examples/scene-2.png'));
    await view.locator('#weight-rgb').fill('-1');
    await view.getByLabel('Caption', { exact: true }).fill('a green cone');
    await view.locator('#weight-caption').fill('0.2');
    await view.getByRole('button', { name: 'Search', exact: true }).click();
    await page.waitForFunction(
      () =>
        [...document.querySelectorAll('[data-item]')].at(-1)?.getAttribute('data-item') ===
        'scene-2.png',
    );

    // A depth map, then more like one of what was found.
    await view.getByRole('button', { name: 'Clear' }).click();
    await page.getByText('6 items').waitFor();
    await view.locator('#input-search-depth').setInputFiles({
      name: 'depth.png',
      mimeType: 'image/png',
      buffer: await demoPicture('depth16'),
    });
    await view.getByRole('button', { name: 'Search', exact: true }).click();
    await page.getByText(/^6 nearest/).waitFor();
    await page.getByRole('button', { name: 'More like this: scene-3.png' }).click();
    await page.locator('.chips li').waitFor();
    await view.getByRole('button', { name: 'Clear' }).click();

    await page.getByRole('button', { name: 'Delete: scene-1.png' }).click();
    await page.getByText('5 items').waitFor();
    assert.deepEqual(complaints, []);
    await page.close();
  },
);

test(
  'a collection is there when the page is opened again, and can be deleted',
  options,
  async () => {
    const { page, complaints } = await open('#retrieve');
    await page.getByText('5 items').waitFor();
    assert.equal(await page.locator('[data-item] img').count(), 5);
    await page.setViewportSize({ width: 360, height: 740 });
    assert.equal(await overflowOf(page), 0);
    assert.deepEqual(await axeFaults(page), [], 'on a telephone');
    await page.setViewportSize({ width: 1280, height: 1000 });
    if (process.env.FOURM_SCREENSHOT) {
      const view = page.locator('#view-retrieve');
      await view.getByLabel('Caption', { exact: true }).fill('a red sphere left of a blue box');
      await page.getByRole('button', { name: 'More like this: scene-3.png' }).click();
      await page.getByText(/^5 nearest/).waitFor();
      await page.screenshot({ path: process.env.FOURM_SCREENSHOT, fullPage: true });
    }
    page.on('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByText(/Make a collection first/).waitFor();
    assert.deepEqual((await createClient({ baseUrl: product.url }).collections()).collections, []);
    assert.deepEqual(complaints, []);
    await page.close();
  },
);
