/** Two models in the folder that `npm start` serves: the playground offers both, and asks the chosen one. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { browserMissing, launchBrowser } from '../support/browser.ts';
import { PAGE_TIMEOUT, RUN_TIMEOUT } from '../support/playgroundPage.ts';
import { type Product, startProduct } from '../support/product.ts';

const skip = browserMissing() ?? false;
let folder = '';
let product: Product;
let browser: Browser;

before(async () => {
  if (skip) return;
  folder = await mkdtemp(join(tmpdir(), '4m-models-'));
  await (await startProduct(folder)).stop();
  const models = join(folder, 'models');
  await cp(join(models, '4m-shapes'), join(models, 'twin'), { recursive: true });
  const file = join(models, 'twin', 'set.json');
  const set = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(file, JSON.stringify({ ...set, id: 'twin' }));
  product = await startProduct(folder);
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await product?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

test('the selector leads to the other model, which then answers', { skip }, async () => {
  const page = await browser.newPage();
  page.setDefaultTimeout(PAGE_TIMEOUT);
  await page.goto(`${product.url}/`);
  await page.waitForSelector('html[data-ready]');
  const selector = page.getByLabel('Model', { exact: true });
  assert.equal(await selector.inputValue(), '4m-shapes');
  await Promise.all([page.waitForURL(/model=twin/), selector.selectOption('twin')]);
  await page.waitForSelector('html[data-ready]');
  assert.equal(await selector.inputValue(), 'twin');
  await page.getByRole('button', { name: 'Use example scene-1.png' }).click();
  await page.getByRole('button', { name: 'None', exact: true }).click();
  await page.locator('input[name=target][value="depth"]').check();
  const answered = page.waitForResponse((response) => response.url().includes('/v1/generate'));
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  const sent = (await answered).request().postDataJSON();
  assert.equal(sent.model, 'twin');
  await page.locator('#status', { hasText: /^Done in/ }).waitFor({ timeout: RUN_TIMEOUT });
  const command = (await page.locator('.shown-code').textContent()) ?? '';
  assert.match(command, /model=twin/);
  assert.match(command, /-F rgb=@examples\/scene-1\.png/);
});
