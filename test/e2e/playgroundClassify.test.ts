/** Pictures as files, and the classify view of the playground, in a real browser: label, fit a head, test it on others. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { rgbUrl } from '../../infra/demo/evaluate/ask.ts';
import { exampleOf, FIRST_HELD_OUT_SEED } from '../../infra/demo/scene/scenes.ts';
import { createClient } from '../../shared/client/index.ts';
import { axeFaults } from '../support/axe.ts';
import { browserMissing, launchBrowser } from '../support/browser.ts';
import { pastedLanguages, runPasted, shownCode } from '../support/pastedCode.ts';
import { PAGE_TIMEOUT, RUN_TIMEOUT } from '../support/playgroundPage.ts';
import { type Product, startProduct } from '../support/product.ts';

const missing = browserMissing();
const options = missing ? { skip: missing } : {};

let folder: string;
let product: Product;
let browser: Browser;
before(async () => {
  if (missing) return;
  folder = await mkdtemp(join(tmpdir(), 'playground-classify-'));
  product = await startProduct(join(folder, 'data'));
  browser = await launchBrowser();
});
after(async () => {
  await browser?.close();
  await product?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Pictures of single solids of a shape. */
async function pictures(shape: string, count: number): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for (let seed = FIRST_HELD_OUT_SEED; found.length < count; seed++) {
    const example = exampleOf(seed);
    const [solid, ...others] = example?.scene.solids ?? [];
    if (!example || others.length > 0 || solid?.shape !== shape) continue;
    const url = await rgbUrl(example.rendering.rgb);
    found.push(Buffer.from(url.slice(url.indexOf(',') + 1), 'base64'));
  }
  return found;
}

const choose = (page: Page, id: string, name: string, files: readonly Buffer[]): Promise<void> =>
  page
    .locator(id)
    .setInputFiles(
      files.map((buffer, i) => ({ name: `${name}-${i}.png`, mimeType: 'image/png', buffer })),
    );

/** Makes the page read files slowly, as large ones are, and say which one it has read. */
async function readSlowly(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const read = FileReader.prototype.readAsDataURL;
    FileReader.prototype.readAsDataURL = function (file) {
      // Told behind everybody who waits for what was read.
      this.addEventListener('loadend', () =>
        setTimeout(() => document.documentElement.setAttribute('data-read', (file as File).name)),
      );
      setTimeout(() => read.call(this, file), 400);
    };
  });
}

test('a picture has the class that stood there as it was chosen', options, async () => {
  const page = await browser.newPage();
  page.setDefaultTimeout(PAGE_TIMEOUT);
  await readSlowly(page);
  await page.goto(`${product.url}/#classify`);
  await page.waitForSelector('html[data-ready]');
  const [cones, boxes] = [await pictures('cone', 2), await pictures('box', 2)];
  for (const [label, given] of [
    ['cone', cones],
    ['box', boxes],
  ] as const) {
    await page.getByLabel('Class of what is added next').fill(label);
    await choose(page, '#examples-files', label, given);
  }
  await page.locator('.labelled li').nth(3).waitFor();
  const shown = await page
    .getByLabel(/^Class of picture/)
    .evaluateAll((fields) => fields.map((field) => (field as HTMLInputElement).value));
  assert.deepEqual(shown, ['cone', 'cone', 'box', 'box']);
  await page.close();
});

test(
  'of two pictures for one field the later one stays, however long it is read',
  options,
  async () => {
    const page = await browser.newPage();
    page.setDefaultTimeout(PAGE_TIMEOUT);
    await readSlowly(page);
    await page.goto(product.url);
    await page.waitForSelector('html[data-ready]');
    await choose(page, '#input-rgb', 'slow', await pictures('cone', 1));
    await page.getByLabel('Use example scene-3.png').first().click();
    await page.locator('html[data-read="slow-0.png"]').waitFor();
    assert.equal(
      await page.locator('[data-field="/inputs/rgb"] .file-name').textContent(),
      'scene-3.png',
    );
    await page.close();
  },
);

test('a visitor labels pictures, fits a head, and has others classified', options, async () => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(PAGE_TIMEOUT);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(`${product.url}/#classify`);
  await page.waitForSelector('html[data-ready]');
  const fit = page.getByRole('button', { name: 'Fit', exact: true });
  assert.equal(await fit.isDisabled(), true);
  const [cones, boxes] = [await pictures('cone', 7), await pictures('box', 7)];
  await page.getByLabel('Class of what is added next').fill('cone');
  await choose(page, '#examples-files', 'cone', cones.slice(0, 5));
  await page.getByText('Add pictures of two classes at least').waitFor();
  await page.getByLabel('Class of what is added next').fill('box');
  await choose(page, '#examples-files', 'box', boxes.slice(0, 5));
  await page.locator('.labelled li').nth(9).waitFor();
  await page.getByLabel('Name of the head').fill('shapes');
  await fit.click();
  await page.getByText('Fitted to 10 examples of 2 classes.').waitFor({ timeout: RUN_TIMEOUT });
  const card = page.locator('[data-head=shapes]');
  assert.match((await card.textContent()) ?? '', /right on examples that a fit had not seen \(10/);
  const drawn = await card.locator('img').evaluate(async (node) => {
    const image = node as HTMLImageElement;
    await image.decode();
    return image.naturalWidth;
  });
  assert.ok(drawn > 0);

  await choose(page, '#test-files', 'other-cone', cones.slice(5));
  await page.getByText('Classified 2 by shapes.').waitFor({ timeout: RUN_TIMEOUT });
  await choose(page, '#test-files', 'other-box', boxes.slice(5));
  await page.locator('[data-test="other-box-1.png"]').waitFor({ timeout: RUN_TIMEOUT });
  const shown = async (name: string): Promise<string | null> =>
    await page
      .locator(`[data-test="${name}"] h3`)
      .evaluate((node) => node.firstChild?.textContent ?? '');
  const client = createClient({ baseUrl: product.url });
  for (const [name, bytes] of [
    ['other-cone-0.png', cones[5]!],
    ['other-box-1.png', boxes[6]!],
  ] as const) {
    const rgb = `data:image/png;base64,${bytes.toString('base64')}`;
    const answer = await client.classify({ head: 'shapes', inputs: { rgb } });
    assert.equal(await shown(name), answer.items[0]?.classes[0]?.label);
  }
  assert.deepEqual(
    [await shown('other-cone-0.png'), await shown('other-box-0.png')],
    ['cone', 'box'],
  );

  assert.deepEqual(await axeFaults(page), []);
  // The code that is shown, first of the test and then of the fit.
  const view = page.locator('#view-classify');
  const files = [...cones, ...boxes].map((bytes, i) => {
    const name = i < 7 ? `cone-${i}` : `box-${i - 7}`;
    return [name, bytes] as const;
  });
  for (const [name, bytes] of files) await writeFile(join(folder, `${name}.png`), bytes);
  for (const [i, bytes] of boxes.slice(5).entries())
    await writeFile(join(folder, `other-box-${i}.png`), bytes);
  for (const language of pastedLanguages()) {
    const printed = await runPasted(language, await shownCode(view, language), folder);
    // Node prints what lies deep as [Array].
    assert.match(printed, /label["']?:\s*["']box["']|classes: \[Array\]/, language);
  }
  await fit.click();
  await page.getByText('Fitted to 10 examples of 2 classes.').waitFor({ timeout: RUN_TIMEOUT });
  const version = (await client.heads()).heads[0]?.version ?? 'no head';
  for (const language of pastedLanguages()) {
    const printed = await runPasted(language, await shownCode(view, language), folder);
    assert.ok(printed.includes(version), language);
  }

  // What the server refuses is told at the picture that it is about.
  await choose(page, '#examples-files', 'notes', [Buffer.from('milk, eggs')]);
  await fit.click();
  await page
    .locator('.labelled li .field-error')
    .filter({ hasText: /picture/ })
    .waitFor();
  await page.screenshot({ path: join(tmpdir(), 'classify-view.png'), fullPage: true });
  assert.deepEqual(
    complaints.filter((text) => !/400/.test(text)),
    [],
  );
  assert.deepEqual(await axeFaults(page), []);
  await page.setViewportSize({ width: 360, height: 800 });
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
  await page.close();
});
