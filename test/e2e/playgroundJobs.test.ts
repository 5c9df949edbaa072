/** The playground's view of jobs and batches in a real browser against the whole product. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { createClient } from '../../shared/client/index.ts';
import { browserMissing, launchBrowser } from '../support/browser.ts';
import { type Product, startProduct } from '../support/product.ts';

const missing = browserMissing();
const options = missing ? { skip: missing } : {};
let folder: string;
let product: Product;
let browser: Browser;

before(async () => {
  if (missing) return;
  folder = await mkdtemp(join(tmpdir(), 'playground-jobs-'));
  product = await startProduct(join(folder, 'data'), { env: { FOURM_THREADS: '1' } });
  browser = await launchBrowser();
});
after(async () => {
  await browser?.close();
  await product?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function open(width = 1280): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage({ viewport: { width, height: 1000 } });
  page.setDefaultTimeout(30_000);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(`${product.url}/#jobs`);
  await page.waitForSelector('html[data-ready]');
  return { page, complaints };
}

const line = (n: number, body: object): string =>
  JSON.stringify({ custom_id: `line-${n}`, method: 'POST', url: '/v1/embed', body });
const embed = (n: number) => ({
  inputs: { caption: `${n} spheres beside a cube` },
  target: 'scene_global',
  steps: 8,
});

test('a file becomes a batch, which is watched, and whose files are fetched', options, async () => {
  const { page, complaints } = await open();
  await page
    .getByText('None yet.')
    .first()
    .waitFor({ state: 'attached' })
    .catch(() => {});
  const file = join(folder, 'lines.jsonl');
  const lines = Array.from({ length: 60 }, (_, n) => line(n, embed(n)));
  await writeFile(file, [...lines, '{"custom_id": "broken', line(61, {})].join('\n'));
  await page.getByLabel('A file of requests, one a line').setInputFiles(file);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText(/62 lines are the batch batch_/).waitFor();
  const row = page.locator('#batch-list li').first();
  await row.getByRole('progressbar').waitFor();
  await row.getByText('completed').waitFor({ timeout: 60_000 });
  await row.getByText('60 of 62 lines answered, 2 failed').waitFor();
  const downloading = page.waitForEvent('download');
  await row.getByRole('link', { name: 'Output' }).click();
  const download = await downloading;
  assert.match(download.suggestedFilename(), /^batch_\w+\.output\.jsonl$/);
  const output = await readFile(await download.path(), 'utf8');
  assert.deepEqual(
    output
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text).custom_id),
    lines.map((_, n) => `line-${n}`),
  );
  const errors = page.waitForEvent('download');
  await row.getByRole('link', { name: 'Errors' }).click();
  const failed = (await readFile(await (await errors).path(), 'utf8')).trimEnd().split('\n');
  assert.equal(failed.length, 2);
  assert.deepEqual(complaints, []);
  await page.close();
});

test('batches and jobs are cancelled; a file that is none says why', options, async () => {
  const { page } = await open();
  const client = createClient({ baseUrl: product.url });
  const many = Array.from({ length: 3000 }, (_, n) => line(n, embed(1000 + n))).join('\n');
  const made = await client.batches.create(new Blob([many]));
  const row = page.locator(`li[data-id="${made.id}"]`);
  await row.getByText('in progress').waitFor();
  const job = await client.jobs.submit('generate', {
    inputs: { caption: 'a red cube' },
    targets: [{ modality: 'rgb', steps: 64 }],
    num_samples: 8,
    seed: 5,
  });
  const jobRow = page.locator(`li[data-id="${job.id}"]`);
  await jobRow.getByRole('button', { name: 'Cancel' }).click();
  await jobRow.getByText('canceled').waitFor();
  await row.getByRole('button', { name: 'Cancel' }).click();
  await row.getByText('cancelled').waitFor();
  await row.getByText(/\d+ of 3000 lines answered, \d+ failed/).waitFor();
  const empty = join(folder, 'empty.jsonl');
  await writeFile(empty, '\n\n');
  await page.getByLabel('A file of requests, one a line').setInputFiles(empty);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('the batch has no lines').waitFor();
  const done = await client.jobs.submit('embed', embed(1));
  await done.wait();
  await page.locator(`li[data-id="${done.id}"]`).getByRole('link', { name: 'Result' }).waitFor();
  if (process.env.FOURM_SCREENSHOTS)
    await page.screenshot({ path: join(process.env.FOURM_SCREENSHOTS, 'jobs.png') });
  await page.setViewportSize({ width: 390, height: 900 });
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  assert.equal(overflow, 0, 'nothing is wider than a telephone');
  if (process.env.FOURM_SCREENSHOTS)
    await page.screenshot({ path: join(process.env.FOURM_SCREENSHOTS, 'jobs-narrow.png') });
  await page.close();
});
